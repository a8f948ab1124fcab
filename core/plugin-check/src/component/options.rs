//! The options of a component, as its schema describes them.

use heirloom_plugin_abi::{Kind, schema};
use heirloom_plugin_host::Language;
use serde_json::Value as Json;

use crate::Trouble;
use crate::loaded::Loaded;
use crate::session::failed;

pub(super) fn well_formed(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    if loaded.plugin.language() == Language::Rust && !loaded.component.options.is_empty() {
        return failed(
            "its `plugin.toml` has a `[component.options]`, of which nobody takes notice: the options of a plugin in Rust \
             are those that it derives; hint: take the table out",
        );
    }
    is_table_of_options(loaded.schema, loaded.component.kind)
}

fn is_table_of_options(schema: &Json, kind: Kind) -> Result<(), Trouble> {
    const TYPES: [&str; 6] = ["integer", "number", "string", "boolean", "array", "object"];
    let Some(properties) = schema["properties"].as_object() else {
        return failed("the schema has no `properties`; hint: derive `PluginOptions`");
    };
    if schema["type"] != "object" {
        return failed(format!("the schema's type is `{}`, not `object`", schema["type"]));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if !name.as_str().is_some_and(|name| properties.contains_key(name)) {
            return failed(format!("{name} is required and is no option"));
        }
    }
    for (name, option) in properties {
        if kind.reserves(name) {
            return failed(format!(
                "the option `{name}` could not be set: in the table of any {kind} it is a key of the run file's own; hint: \
                 give it another name"
            ));
        }
        if let Some((bound, kind)) = option.as_object().and_then(schema::idle_bound) {
            return failed(format!(
                "`{bound}` of the option `{name}` bounds no number, its type is `{kind}`; hint: build it again with this \
                 version's `heirloom-plugin`, which bounds the numbers in lists"
            ));
        }
        if let Some(kind) = option.get("type")
            && !kind.as_str().is_some_and(|kind| TYPES.contains(&kind))
        {
            return failed(format!("the option `{name}` has the type {kind}, which there is not"));
        }
        if option.get("enum").is_some_and(|choices| choices.as_array().is_none_or(Vec::is_empty)) {
            return failed(format!("the option `{name}` is a choice among nothing"));
        }
        for (low, high) in [("minimum", "maximum"), ("exclusiveMinimum", "maximum")] {
            if let (Some(low), Some(high)) = (option[low].as_f64(), option[high].as_f64())
                && low > high
            {
                return failed(format!("the option `{name}` goes from {low} to {high}"));
            }
        }
    }
    Ok(())
}

pub(super) fn defaults(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    for (name, option) in loaded.schema["properties"].as_object().into_iter().flatten() {
        let Some(default) = option.get("default").filter(|default| !default.is_null()) else { continue };
        if let Err(problems) = schema::check(option, default) {
            return failed(format!("the default of the option `{name}` is none: {}", problems[0]));
        }
    }
    Ok(())
}

pub(super) fn explained(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    explained_below(loaded.schema, "")
}

fn explained_below(schema: &Json, path: &str) -> Result<(), Trouble> {
    for (name, option) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if option["description"].as_str().is_none_or(|text| text.trim().is_empty()) {
            // A component's own table explains itself.
            if option.get("component").is_none() {
                return failed(format!(
                    "the option `{path}` has no description; hint: write a doc comment on its field"
                ));
            }
        }
        explained_below(option, &path)?;
        explained_below(&option["items"], &path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_that_cannot_be_set_and_bounds_that_bound_nothing_are_found() {
        let check = |kind: Kind, properties: Json| {
            is_table_of_options(&json!({ "type": "object", "properties": properties }), kind)
        };
        let fails = |kind: Kind, properties: Json, expected: &str| {
            let Err(Trouble::Failed(message)) = check(kind, properties) else { panic!("{expected}") };
            assert!(message.contains(expected), "{message}");
        };
        let name = json!({ "name": { "type": "string" } });
        fails(Kind::Strategy, name, "the option `name` could not be set: in the table of any strategy");
        let keep = json!({ "keep": { "type": "number", "minimum": 0 } });
        fails(Kind::Proxy, keep.clone(), "the option `keep` could not be set: in the table of any proxy");
        assert_eq!(check(Kind::Estimator, keep), Ok(()));
        let shares = json!({ "shares": { "type": "array", "maximum": 1 } });
        fails(
            Kind::Strategy,
            shares,
            "`maximum` of the option `shares` bounds no number, its type is `array`",
        );
    }
}
