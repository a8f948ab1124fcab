//! Checks options against the JSON schema of their component, and fills in defaults.
//!
//! Only what the SDK's derive writes is understood: types, `enum`, `minimum`, `maximum`, `exclusiveMinimum`,
//! `properties`, `required`, `default`, `additionalProperties`, `items`, and the format `path`.

use std::path::Path;

use heirloom_model::nearest;
use heirloom_model::suggest::{list, remedy};
use serde_json::{Map, Value as Json};

/// What is wrong with one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionProblem {
    /// Which: keys and places in lists, joined by `.`; empty for the options as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do; empty where the message says it.
    pub help: String,
}

impl std::fmt::Display for OptionProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "; hint: {}", self.help) }
    }
}

/// What bounds a number.
pub(crate) const BOUNDS: [&str; 3] = ["minimum", "maximum", "exclusiveMinimum"];

/// A bound that stands with a type of which no value is a number, so that nothing is held to it; and the type.
pub fn idle_bound(schema: &Map<String, Json>) -> Option<(&'static str, &str)> {
    let kind = schema.get("type")?.as_str().filter(|kind| !matches!(*kind, "integer" | "number"))?;
    let bound = BOUNDS.into_iter().find(|bound| schema.contains_key(*bound))?;
    Some((bound, kind))
}

/// The options with all defaults filled in; or everything that is wrong with them.
pub fn check(schema: &Json, options: &Json) -> Result<Json, Vec<OptionProblem>> {
    let mut checked = options.clone();
    let mut problems = Vec::new();
    check_value(schema, &mut checked, "", &mut problems);
    if problems.is_empty() { Ok(checked) } else { Err(problems) }
}

/// Takes relative paths among checked options from `folder`.
pub fn resolve_paths(schema: &Json, value: &mut Json, folder: &Path) {
    match value {
        Json::String(text) if schema["format"] == "path" => {
            *text = folder.join(&*text).to_string_lossy().into_owned();
        }
        Json::Array(items) => items.iter_mut().for_each(|item| resolve_paths(&schema["items"], item, folder)),
        Json::Object(object) => {
            for (key, value) in object {
                let property = schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]);
                resolve_paths(property, value, folder);
            }
        }
        _ => {}
    }
}

fn check_value(schema: &Json, value: &mut Json, path: &str, problems: &mut Vec<OptionProblem>) {
    if let Some(kind) = schema["type"].as_str()
        && !has_type(kind, value)
    {
        let message = format!("{} is wanted, not `{value}`", name_of(kind));
        return problems.push(OptionProblem { path: path.into(), message, help: describe(schema) });
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let names: Vec<_> = choices.iter().map(plain).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let help = match value.as_str().and_then(|text| nearest(text, names.iter().copied())) {
            Some(name) => format!("did you mean `{name}`?"),
            None => describe(schema),
        };
        let message = format!("`{}` is not one of {}", plain(value), list(&names));
        return problems.push(OptionProblem { path: path.into(), message, help });
    }
    if let Some(message) = value.as_f64().and_then(|number| out_of_range(schema, number)) {
        return problems.push(OptionProblem { path: path.into(), message, help: describe(schema) });
    }
    match value {
        Json::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                check_value(&schema["items"], item, &join(path, &index.to_string()), problems);
            }
        }
        Json::Object(object) => check_object(schema, object, path, problems),
        _ => {}
    }
}

fn check_object(
    schema: &Json,
    object: &mut Map<String, Json>,
    path: &str,
    problems: &mut Vec<OptionProblem>,
) {
    let no_properties = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&no_properties);
    object.retain(|_, value| !value.is_null());
    for (key, value) in object.iter_mut() {
        match (properties.get(key), &schema["additionalProperties"]) {
            (Some(property), _) => check_value(property, value, &join(path, key), problems),
            (None, Json::Bool(false)) => {
                let names: Vec<_> = properties.keys().map(String::as_str).collect();
                let help = match names.is_empty() {
                    true => "it takes no options".into(),
                    false => remedy(key, "there are", &names),
                };
                let message = format!("there is no option `{key}`");
                problems.push(OptionProblem { path: join(path, key), message, help });
            }
            (None, additional) => check_value(additional, value, &join(path, key), problems),
        }
    }
    for (key, property) in properties {
        if !object.contains_key(key)
            && let Some(default) = property.get("default")
        {
            let mut default = default.clone();
            check_value(property, &mut default, &join(path, key), problems);
            object.insert(key.clone(), default);
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
    for key in required.filter(|key| !object.contains_key(*key)) {
        let help = properties.get(key).map(describe).unwrap_or_default();
        problems.push(OptionProblem {
            path: path.into(),
            message: format!("option `{key}` is missing"),
            help,
        });
    }
}

fn out_of_range(schema: &Json, number: f64) -> Option<String> {
    let bound = |name: &str| schema[name].as_f64();
    if let Some(low) = bound("minimum").filter(|low| number < *low) {
        return Some(format!("`{number}` is below the smallest value, {low}"));
    }
    if let Some(low) = bound("exclusiveMinimum").filter(|low| number <= *low) {
        return Some(format!("`{number}` is not above {low}"));
    }
    let high = bound("maximum").filter(|high| number > *high)?;
    Some(format!("`{number}` is above the largest value, {high}"))
}

fn has_type(kind: &str, value: &Json) -> bool {
    match kind {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn name_of(kind: &str) -> &str {
    match kind {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        _ => "a table",
    }
}

/// The option's own description, for the remedy.
fn describe(schema: &Json) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}
