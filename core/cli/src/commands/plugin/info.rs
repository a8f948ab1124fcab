//! `heirloom plugin info`

use heirloom_plugin_host::{Kind, Plugin as Found};
use heirloom_plugin_package::docs;
use serde_json::Value as Json;

use crate::catalogue::Plugins;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Table};

use super::to_json;

pub(super) fn info(plugins: &Plugins, name: &str, context: &Context) -> miette::Result<()> {
    let found = find(plugins, name)?;
    if context.json {
        return output::json(&found.into_iter().map(|plugin| to_json(plugin, plugins)).collect::<Vec<_>>());
    }
    for plugin in found {
        let (compiler, target) = plugin.built_with();
        output::line(&format!("plugin      {} {}", plugin.id(), plugin.version()))?;
        output::line(&format!("            {}", plugin.manifest().description))?;
        output::line(&format!("file        {}", plugin.path().display()))?;
        let trusted = match plugins.is_locked(plugin) {
            true => "signed, through `heirloom.lock`",
            false => "unsigned, from a search path",
        };
        output::line(&format!("trust       {trusted}"))?;
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

/// The plugins that have this id, or a component of this name; at least one.
pub(super) fn find<'a>(plugins: &'a Plugins, name: &str) -> miette::Result<Vec<&'a Found>> {
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
        let remedy = heirloom_model::suggest::remedy(name, "there are", &names);
        let remedy = host.whole_remedy(name, remedy);
        return Err(
            Failure::usage(format!("there is no plugin or component `{name}`; hint: {remedy}")).into()
        );
    }
    Ok(found)
}

fn options(schema: &Json) -> miette::Result<()> {
    let options = docs::options(schema);
    if options.is_empty() {
        return output::line("it takes no options");
    }
    let mut table = Table::new(&["option", "type", "left out", "meaning"]);
    for option in options {
        let left_out = option.left_out();
        table.row([option.name, option.kind.into(), left_out, option.meaning]);
    }
    table.print()
}
