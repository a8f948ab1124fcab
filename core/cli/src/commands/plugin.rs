//! `heirloom plugin`

use clap::{Args, Subcommand};
use heirloom_plugin_host::{Kind, Plugin as Found};
use serde_json::{Value as Json, json};

use crate::catalogue::Plugins;
use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output::{self, Table};

/// The plugins that were found
#[derive(Debug, Args)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// List components, by kind and name, with the plugin that has each
    List,
    /// Show a component's description and options
    #[command(after_help = "Example:\n  heirloom plugin info evolution")]
    Info {
        /// A component's name, or a plugin's id
        name: String,
    },
}

impl Plugin {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let plugins = Plugins::open(context, None)?;
        match &self.command {
            PluginCommand::List => list(&plugins, context)?,
            PluginCommand::Info { name } => info(&plugins, name, context)?,
        }
        Ok(Exit::Done)
    }
}

fn list(plugins: &Plugins, context: &Context) -> miette::Result<()> {
    let host = plugins.host();
    if context.json {
        let found: Vec<_> = host.plugins().iter().map(to_json).collect();
        let problems: Vec<_> = host.problems().iter().map(ToString::to_string).collect();
        return output::json(
            &json!({ "plugins": found, "problems": problems, "searched": plugins.searched() }),
        );
    }
    let mut table = Table::new(&["kind", "name", "plugin", "version", "what"]);
    for kind in [Kind::Strategy, Kind::Estimator, Kind::Proxy] {
        for name in host.names(kind) {
            let plugin = host.find(kind, name).or_fail()?;
            let description = plugin.components().find(|(component, _)| component.name == name);
            let description = description.map(|(component, _)| component.description.clone());
            let cells = [kind.to_string(), name.into(), plugin.id().into(), plugin.version().into()];
            table.row(cells.into_iter().chain(description));
        }
    }
    table.print()?;
    for problem in host.problems() {
        tracing::warn!("{problem}");
    }
    output::line("\nlooked for in")?;
    plugins.searched().iter().try_for_each(|path| output::line(&format!("  {}", path.display())))
}

fn info(plugins: &Plugins, name: &str, context: &Context) -> miette::Result<()> {
    let host = plugins.host();
    let wanted = |plugin: &&Found| {
        plugin.id() == name || plugin.components().any(|(component, _)| component.name == name)
    };
    let found: Vec<_> = host.plugins().iter().filter(wanted).collect();
    if found.is_empty() {
        let names: Vec<_> = [Kind::Strategy, Kind::Estimator, Kind::Proxy]
            .into_iter()
            .flat_map(|kind| host.names(kind))
            .collect();
        let remedy = heirloom_config::suggest::remedy(name, "there are", &names);
        return Err(
            Failure::usage(format!("there is no plugin or component `{name}`; hint: {remedy}")).into()
        );
    }
    if context.json {
        return output::json(&found.into_iter().map(to_json).collect::<Vec<_>>());
    }
    for plugin in found {
        let (compiler, target) = plugin.built_with();
        output::line(&format!("plugin      {} {}", plugin.id(), plugin.version()))?;
        output::line(&format!("            {}", plugin.manifest().description))?;
        output::line(&format!("file        {}", plugin.path().display()))?;
        output::line(&format!("built       for {target} with {compiler}, interface {}", plugin.interface()))?;
        output::line(&format!("fingerprint {}", plugin.fingerprint()))?;
        for (component, schema) in plugin.components().filter(|(c, _)| plugin.id() == name || c.name == name)
        {
            output::line(&format!("\n{} `{}`: {}", component.kind, component.name, component.description))?;
            if let Some(paper) = &component.paper {
                output::line(&format!("source: {paper}"))?;
            }
            options(schema)?;
        }
    }
    Ok(())
}

fn options(schema: &Json) -> miette::Result<()> {
    let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty())
    else {
        return output::line("it takes no options");
    };
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let mut table = Table::new(&["option", "type", "left out", "meaning"]);
    for (name, property) in properties {
        let otherwise = match property.get("default") {
            Some(default) => default.to_string(),
            None if required.contains(&name.as_str()) => "required".into(),
            None => "none".into(),
        };
        let word = |key: &str| property[key].as_str().unwrap_or_default().to_owned();
        table.row([name.clone(), word("type"), otherwise, word("description")]);
    }
    table.print()
}

fn to_json(plugin: &Found) -> Json {
    let components: Vec<_> = plugin
        .components()
        .map(|(component, schema)| json!({ "component": component, "options": schema }))
        .collect();
    let (rustc, target) = plugin.built_with();
    json!({
        "id": plugin.id(),
        "version": plugin.version(),
        "interface": plugin.interface(),
        "path": plugin.path(),
        "fingerprint": plugin.fingerprint(),
        "rustc": rustc,
        "target": target,
        "components": components,
    })
}
