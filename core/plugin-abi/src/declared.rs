//! The record of a plugin that is not made with the SDK: all that the derive and the export line would have said
//! stands in its `plugin.toml`.

use heirloom_model::nearest;
use serde_json::{Map, Value as Json, json};

use crate::embed::{Record, RecordedComponent};
use crate::manifest::{ComponentManifest, Language, Manifest, ManifestError};
use crate::root::INTERFACE_LEVEL;
use crate::schema;

/// What an option may say of itself, beside `required`.
const KEYWORDS: [&str; 13] = [
    "type",
    "description",
    "default",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "items",
    "properties",
    "additionalProperties",
    "format",
    "enumDescriptions",
    "component",
];

const TYPES: [&str; 6] = ["integer", "number", "string", "boolean", "array", "object"];

impl Manifest {
    /// The record of a plugin built for `target` with `compiler`, from what its manifest declares.
    pub fn declared_record(&self, target: &str, compiler: &str) -> Result<Record, ManifestError> {
        let wrong = |problem: String| ManifestError { problem };
        let version = self.version.clone().ok_or_else(|| {
            wrong(format!(
                "`version` is missing; hint: a plugin in {} has no crate that could say it",
                self.language
            ))
        })?;
        if (self.language == Language::Python) != self.module.is_some() {
            return Err(wrong(match &self.module {
                Some(module) => format!(
                    "`module = \"{module}\"` stands beside `language = \"{}\"`; hint: only Python has modules",
                    self.language
                ),
                None => "`module` is missing; hint: name the Python module that stands beside it".into(),
            }));
        }
        if self.components.is_empty() {
            return Err(wrong("it names no component; hint: add a `[[component]]`".into()));
        }
        let mut components: Vec<RecordedComponent> = Vec::new();
        for component in &self.components {
            let (kind, name) = (component.kind, &component.name);
            let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
            if name.is_empty() || !name.bytes().all(allowed) {
                return Err(wrong(format!(
                    "the name of {kind} `{name}` is not made of `a-z`, `0-9` and `-`"
                )));
            }
            if components.iter().any(|other| (other.kind, &other.name) == (kind, name)) {
                return Err(wrong(format!("{kind} `{name}` stands twice in it")));
            }
            let options = schema_of(component)
                .map_err(|problem| wrong(format!("options of {kind} `{name}`: {problem}")))?;
            components.push(RecordedComponent { kind, name: name.clone(), options });
        }
        Ok(Record {
            interface: self.interface.unwrap_or(INTERFACE_LEVEL),
            target: target.into(),
            rustc: compiler.into(),
            version,
            components,
        })
    }
}

/// The JSON schema of a component's table in the run file, from its declared options.
fn schema_of(component: &ComponentManifest) -> Result<Json, String> {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, declared) in &component.options {
        if component.kind.reserves(name) {
            let kind = component.kind;
            return Err(format!(
                "`{name}` is a key of the run file's own in the table of any {kind} and could not be set; hint: give the \
                 option another name"
            ));
        }
        let mut property = declared.clone();
        let table = property.as_object_mut().ok_or_else(|| {
            format!(
                "`{name}` is no table; hint: write `{name} = {{ type = \"number\", default = {declared} }}`"
            )
        })?;
        if take_required(name, table)? {
            required.push(name.clone());
        }
        check_property(name, &mut property, 0)?;
        properties.insert(name.clone(), property);
    }
    Ok(json!({
        "type": "object",
        "description": component.description,
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    }))
}

/// How deep tables and lists may nest within an option.
const MAX_DEPTH: usize = 8;

/// Whether an option must be given. That stands with the option, and in its schema with the table around it.
fn take_required(path: &str, table: &mut Map<String, Json>) -> Result<bool, String> {
    match table.remove("required") {
        None => Ok(false),
        Some(Json::Bool(required)) => Ok(required),
        Some(other) => {
            Err(format!("`required` of `{path}` is `{other}`; hint: write `true` or leave it out"))
        }
    }
}

fn check_property(path: &str, property: &mut Json, depth: usize) -> Result<(), String> {
    let table = property.as_object_mut().ok_or_else(|| format!("the schema of `{path}` is no table"))?;
    if depth > MAX_DEPTH {
        return Err(format!("`{path}` nests deeper than {MAX_DEPTH} levels"));
    }
    for key in table.keys() {
        if !KEYWORDS.contains(&key.as_str()) {
            let hint = nearest(key, KEYWORDS)
                .map_or_else(|| format!("there are {}", KEYWORDS.join(", ")), |near| format!("`{near}`?"));
            return Err(format!("`{path}` has the unknown key `{key}`; hint: {hint}"));
        }
    }
    if let Some(kind) = table.get("type")
        && !kind.as_str().is_some_and(|kind| TYPES.contains(&kind))
    {
        return Err(format!("the type of `{path}` is `{kind}`; hint: there are {}", TYPES.join(", ")));
    }
    if table.get("enum").is_some_and(|choices| choices.as_array().is_none_or(Vec::is_empty)) {
        return Err(format!("`enum` of `{path}` is no list of choices"));
    }
    for bound in schema::BOUNDS {
        if let Some(value) = table.get(bound).filter(|value| !value.is_number()) {
            return Err(format!("`{bound}` of `{path}` is `{value}`, which is no number"));
        }
    }
    if let Some((bound, kind)) = schema::idle_bound(table) {
        return Err(format!(
            "`{bound}` of `{path}` bounds no number: its type is `{kind}`; hint: a list's numbers are bounded in `items`"
        ));
    }
    if let Some(items) = table.get_mut("items") {
        check_property(&format!("{path}.items"), items, depth + 1)?;
    }
    let mut required = Vec::new();
    for (name, inner) in table.get_mut("properties").and_then(Json::as_object_mut).into_iter().flatten() {
        let path = format!("{path}.{name}");
        if let Some(inner) = inner.as_object_mut()
            && take_required(&path, inner)?
        {
            required.push(name.clone());
        }
        check_property(&path, inner, depth + 1)?;
    }
    if !required.is_empty() {
        table.insert("required".into(), required.into());
    }
    let Some(default) = table.get("default").cloned() else { return Ok(()) };
    schema::check(property, &default).map(|_| ()).map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(|problem| problem.message.clone()).collect();
        format!("the default of `{path}` does not fit its own schema: {}", problems.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::check;

    fn manifest(options: &str) -> Manifest {
        let text = format!(
            "id = \"p\"\ndescription = \"d\"\nversion = \"1.2.3\"\nlanguage = \"python\"\nmodule = \"m\"\n\
             [[component]]\nkind = \"strategy\"\nname = \"s\"\ndescription = \"d\"\n[component.options]\n{options}"
        );
        Manifest::parse(&text).unwrap()
    }

    #[test]
    fn declared_options_check_and_fill_a_table() {
        let declared = manifest(
            "rate = { type = \"number\", minimum = 0, maximum = 1, default = 0.5, description = \"how often\" }\n\
             sampler = { type = \"string\", enum = [\"tpe\", \"cma\"], required = true }",
        );
        let record = declared.declared_record("any", "Python").unwrap();
        assert_eq!((record.version.as_str(), record.interface), ("1.2.3", INTERFACE_LEVEL));
        let schema = &record.components[0].options;
        assert_eq!(
            check(schema, &json!({ "sampler": "tpe" })).unwrap(),
            json!({ "rate": 0.5, "sampler": "tpe" })
        );
        let problems = |options: Json| {
            let problems = check(schema, &options).unwrap_err();
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert!(problems(json!({})).contains("option `sampler` is missing"));
        let high = problems(json!({ "sampler": "tpe", "rate": 2 }));
        assert!(high.contains("`2` is above the largest value, 1; hint: how often"), "{high}");
        assert!(problems(json!({ "sampler": "tpe", "rat": 1 })).contains("rate"));
    }

    #[test]
    fn members_of_a_nested_table_may_be_required() {
        let declared = manifest(
            "tree = { type = \"object\", properties = { depth = { type = \"integer\", required = true }, leaves = { type = \
             \"integer\", default = 2 } } }",
        );
        let schema = declared.declared_record("any", "Python").unwrap().components.remove(0).options;
        let filled = check(&schema, &json!({ "tree": { "depth": 3 } })).unwrap();
        assert_eq!(filled, json!({ "tree": { "depth": 3, "leaves": 2 } }));
        let problem = check(&schema, &json!({ "tree": {} })).unwrap_err().remove(0);
        assert_eq!((problem.path.as_str(), problem.message.as_str()), ("tree", "option `depth` is missing"));
        assert_eq!(check(&schema, &json!({})).unwrap(), json!({}));
    }

    #[test]
    fn wrong_declarations_say_what_and_how() {
        for (options, expected) in [
            ("rate = 0.5", "`rate` is no table; hint: write `rate = { type = \"number\", default = 0.5 }`"),
            ("rate = { typ = \"number\" }", "unknown key `typ`; hint: `type`?"),
            (
                "rate = { type = \"float\" }",
                "the type of `rate` is `\"float\"`; hint: there are integer, number",
            ),
            (
                "rate = { type = \"integer\", default = 0.5 }",
                "the default of `rate` does not fit its own schema",
            ),
            ("rate = { enum = [] }", "`enum` of `rate` is no list of choices"),
            ("rate = { minimum = \"a\" }", "`minimum` of `rate` is `\"a\"`, which is no number"),
            ("rate = { required = 1 }", "`required` of `rate` is `1`"),
            ("a = { properties = { b = { required = \"yes\" } } }", "`required` of `a.b` is `\"yes\"`"),
            (
                "name = { type = \"string\" }",
                "`name` is a key of the run file's own in the table of any strategy",
            ),
            (
                "shares = { type = \"array\", minimum = 0 }",
                "`minimum` of `shares` bounds no number: its type is `array`; hint: a list's numbers are bounded in `items`",
            ),
            (
                "a = { type = \"object\", properties = { b = { type = \"string\", maximum = 1 } } }",
                "`maximum` of `a.b` bounds no number: its type is `string`",
            ),
        ] {
            let error = manifest(options).declared_record("any", "Python").unwrap_err().to_string();
            assert!(error.contains("options of strategy `s`: ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn keep_is_reserved_in_a_proxys_table_alone() {
        let kept = |kind: &str| {
            let mut manifest = manifest("keep = { type = \"number\" }");
            manifest.components[0].kind = serde_json::from_value(kind.into()).unwrap();
            manifest.declared_record("any", "Python").map(drop).map_err(|error| error.to_string())
        };
        assert_eq!((kept("strategy"), kept("estimator")), (Ok(()), Ok(())));
        let error = kept("proxy").unwrap_err();
        assert!(error.contains("`keep` is a key of the run file's own in the table of any proxy"), "{error}");
    }

    #[test]
    fn the_numbers_of_a_list_are_bounded_in_its_items() {
        let declared = manifest(
            "shares = { type = \"array\", items = { type = \"number\", minimum = 0, maximum = 1 } }",
        );
        let schema = declared.declared_record("any", "Python").unwrap().components.remove(0).options;
        check(&schema, &json!({ "shares": [0, 0.5, 1] })).unwrap();
        let problem = check(&schema, &json!({ "shares": [0.5, 5.0] })).unwrap_err().remove(0);
        assert_eq!(problem.path, "shares.1");
        assert_eq!(problem.message, "`5` is above the largest value, 1");
    }

    #[test]
    fn a_manifest_must_say_what_a_crate_would() {
        let text = "id = \"p\"\ndescription = \"d\"\nlanguage = \"python\"\nmodule = \"m\"\ncomponent = []";
        let complete = Manifest { version: Some("1".into()), ..Manifest::parse(text).unwrap() };
        let error = |manifest: Manifest| manifest.declared_record("any", "x").unwrap_err().to_string();
        assert!(error(Manifest::parse(text).unwrap()).contains("`version` is missing"));
        assert!(error(Manifest { module: None, ..complete.clone() }).contains("`module` is missing"));
        assert!(
            error(Manifest { language: Language::C, ..complete.clone() }).contains("only Python has modules")
        );
        assert!(error(complete).contains("names no component"));
        let mut twice = manifest("");
        twice.components.push(twice.components[0].clone());
        assert!(error(twice).contains("strategy `s` stands twice"));
        let mut spoken = manifest("");
        spoken.components[0].name = "My Strategy".into();
        assert!(error(spoken).contains("not made of `a-z`"));
    }
}
