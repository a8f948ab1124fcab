//! `heirloom plugin list`

use heirloom_plugin_host::Kind;
use serde_json::json;

use crate::catalogue::Plugins;
use crate::context::Context;
use crate::failure::OrFail;
use crate::output::{self, Table};

use super::to_json;

pub(super) fn list(plugins: &Plugins, context: &Context) -> miette::Result<()> {
    let host = plugins.host();
    if context.json {
        let found: Vec<_> = host.plugins().iter().map(|plugin| to_json(plugin, plugins)).collect();
        let problems: Vec<_> = host.problems().iter().map(ToString::to_string).collect();
        let shadowed: Vec<_> = host.shadowed().collect();
        let searched = plugins.searched();
        return output::json(&json!({
            "plugins": found, "problems": problems, "shadowed": shadowed, "searched": searched,
        }));
    }
    let mut table = Table::new(&["kind", "name", "plugin", "version", "from", "what"]);
    for kind in [Kind::Strategy, Kind::Estimator, Kind::Proxy] {
        for name in host.names(kind) {
            let plugin = host.find(kind, name).or_fail()?;
            let description =
                plugin.components().find(|(component, _)| component.kind == kind && component.name == name);
            let description = description.map(|(component, _)| component.description.clone());
            let from = if plugins.is_locked(plugin) { "lock" } else { "path" };
            let cells =
                [kind.to_string(), name.into(), plugin.id().into(), plugin.version().into(), from.into()];
            table.row(cells.into_iter().chain(description));
        }
    }
    table.print()?;
    for problem in host.problems() {
        tracing::warn!("{problem}");
    }
    for shadowed in host.shadowed() {
        tracing::warn!("{shadowed}");
    }
    output::line("\nlooked for in")?;
    plugins.searched().iter().try_for_each(|path| output::line(&format!("  {}", path.display())))
}
