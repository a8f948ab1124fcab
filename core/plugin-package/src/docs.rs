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
    let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty())
    else {
        add("It takes no options.".into());
        return text;
    };
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let mut table = "| option | type | left out | meaning |\n|---|---|---|---|".to_owned();
    for (name, property) in properties {
        let otherwise = match property.get("default") {
            Some(default) => format!("`{default}`"),
            None if required.contains(&name.as_str()) => "required".into(),
            None => "none".into(),
        };
        let (kind, meaning) = (cell(&property["type"]), cell(&property["description"]));
        let _ =
            write!(table, "\n| `{name}` | {kind} | {} | {meaning}{} |", plain(&otherwise), limits(property));
    }
    add(table);
    let (kind, name) = (component.kind, &component.name);
    let mut example = format!("```toml\n[{kind}]\nname = \"{name}\"\n");
    for (option, property) in properties {
        // Options without a default are for the reader to fill in, unless they must be.
        match property.get("default").filter(|default| !default.is_object() && !default.is_null()) {
            Some(default) => {
                let _ = writeln!(example, "{option} = {default}");
            }
            None if required.contains(&option.as_str()) => {
                let _ = writeln!(example, "{option} = …");
            }
            None => {}
        }
    }
    add(example + "```");
    text
}

fn limits(property: &Json) -> String {
    let bound = |name: &str, sign: &str| {
        property.get(name).map(|value| format!("{sign} {value}")).into_iter().collect::<Vec<_>>()
    };
    let choices = property["enum"].as_array().into_iter().flatten().map(|choice| format!("`{choice}`"));
    let bounds = [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤")];
    let all: Vec<_> = bounds.iter().flat_map(|(name, sign)| bound(name, sign)).collect();
    let choices: Vec<_> = choices.collect();
    let all =
        if choices.is_empty() { all } else { [all, vec![format!("one of {}", choices.join(", "))]].concat() };
    if all.is_empty() { String::new() } else { plain(&format!(" ({})", all.join(", "))) }
}

fn cell(value: &Json) -> String {
    plain(value.as_str().unwrap_or_default())
}

/// A text that stays in its cell of a table.
fn plain(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
