//! Pages for people, from a plugin's manifest and the schemas of its options.

use std::fmt::Write;

use heirloom_plugin_host::{ComponentManifest, Determinism, Manifest};
use semver::Version;
use serde_json::Value as Json;

/// A plugin's page, in Markdown.
pub fn page(manifest: &Manifest, version: &Version, components: &[(ComponentManifest, Json)]) -> String {
    let mut page = format!("# {} {version}\n\n{}\n", manifest.id, manifest.description);
    let mut add = |text: String| page.push_str(&text);
    if let Some(repository) = &manifest.repository {
        add(format!("\nSource: <{repository}>\n"));
    }
    if !manifest.capabilities.is_empty() {
        let wishes: Vec<_> = manifest.capabilities.iter().map(|wish| format!("`{wish}`")).collect();
        add(format!("\nAsks to be allowed: {}\n", wishes.join(", ")));
    }
    components.iter().for_each(|(component, schema)| add(section(component, schema)));
    page
}

fn section(component: &ComponentManifest, schema: &Json) -> String {
    let mut text = format!("\n## {} `{}`\n\n{}\n", component.kind, component.name, component.description);
    let mut add = |line: String| {
        text.push('\n');
        text.push_str(&line);
        text.push('\n');
    };
    if let Some(paper) = &component.paper {
        add(format!("Published in: {paper}"));
    }
    add(match component.determinism {
        Determinism::Exact => "The same seed gives the same results everywhere.".into(),
        Determinism::SameDevice => "The same seed gives the same results on the same kind of machine.".into(),
        Determinism::None => "The same seed may give other results.".into(),
    });
    let options = options(schema);
    if options.is_empty() {
        add("It takes no options.".into());
        return text;
    }
    let mut table = "| option | type | left out | meaning |\n|---|---|---|---|".to_owned();
    for option in &options {
        let otherwise = option.default.map_or_else(|| option.left_out(), |default| format!("`{default}`"));
        let Described { name, kind, meaning, .. } = option;
        let _ = write!(table, "\n| `{name}` | {} | {} | {} |", cell(kind), cell(&otherwise), cell(meaning));
    }
    add(table);
    let (kind, name) = (component.kind, &component.name);
    let mut example = format!("```toml\n[{kind}]\nname = \"{name}\"\n");
    for option in options.iter().filter(|option| !option.is_member) {
        // Options without a default are for the reader to fill in, unless they must be.
        match option.default.filter(|default| !default.is_object() && !default.is_null()) {
            Some(default) => {
                let _ = writeln!(example, "{} = {default}", option.name);
            }
            None if option.is_required => {
                let _ = writeln!(example, "{} = …", option.name);
            }
            None => {}
        }
    }
    add(example + "```");
    text
}

/// What there is to say of an option.
#[derive(Debug, Clone)]
pub struct Described<'a> {
    /// Its name; of a member of a table, `table.member`, and of a member of a list's tables, `list[].member`.
    pub name: String,
    /// Whether it is such a member.
    pub is_member: bool,
    /// Its type.
    pub kind: &'a str,
    /// What holds where it is left out.
    pub default: Option<&'a Json>,
    /// Whether it must be given.
    pub is_required: bool,
    /// What it means, and which values it may have.
    pub meaning: String,
}

impl Described<'_> {
    /// What happens where it is left out, in a word.
    pub fn left_out(&self) -> String {
        match self.default {
            Some(default) => default.to_string(),
            None if self.is_required => "required".into(),
            None => "none".into(),
        }
    }
}

/// The options that a schema describes, each followed by its members.
pub fn options(schema: &Json) -> Vec<Described<'_>> {
    let mut options = Vec::new();
    describe(schema, "", &mut options);
    options
}

fn describe<'a>(schema: &'a Json, table: &str, options: &mut Vec<Described<'a>>) {
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{table}{name}");
        options.push(Described {
            name: path.clone(),
            is_member: !table.is_empty(),
            kind: property["type"].as_str().unwrap_or_default(),
            default: property.get("default"),
            is_required: required.contains(&name.as_str()),
            meaning: property["description"].as_str().unwrap_or_default().to_owned() + &limits(property),
        });
        describe(property, &format!("{path}."), options);
        describe(&property["items"], &format!("{path}[]."), options);
    }
}

fn limits(property: &Json) -> String {
    // Those of a list or a map are those of what it holds.
    let held = ["items", "additionalProperties"]
        .into_iter()
        .find_map(|key| Some(&property[key]).filter(|held| held.is_object()));
    let property = held.unwrap_or(property);
    let bound = |name: &str, sign: &str| {
        property.get(name).map(|value| format!("{sign} {value}")).into_iter().collect::<Vec<_>>()
    };
    let choices = property["enum"].as_array().into_iter().flatten().map(|choice| format!("`{choice}`"));
    let bounds = [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤")];
    let all: Vec<_> = bounds.iter().flat_map(|(name, sign)| bound(name, sign)).collect();
    let choices: Vec<_> = choices.collect();
    let all =
        if choices.is_empty() { all } else { [all, vec![format!("one of {}", choices.join(", "))]].concat() };
    if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
}

/// A text that stays in its cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
