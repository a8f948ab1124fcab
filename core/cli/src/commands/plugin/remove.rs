//! `heirloom plugin remove`

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output;

use super::project::Project;

/// Take a plugin out of `heirloom.lock`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin remove my-plugin\n  heirloom plugin remove my-plugin --purge\n\nThe package \
    stays in the store, for other projects may use it; `--purge` deletes it. Its key stays pinned."
)]
pub(super) struct Remove {
    /// The plugin's id
    #[arg(value_name = "PLUGIN")]
    plugin: String,

    #[command(flatten)]
    project: Project,

    /// Delete it from the store too, for all projects
    #[arg(long)]
    purge: bool,
}

impl Remove {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let mut lock = self.project.read()?;
        let Some(removed) = lock.remove(&self.plugin) else {
            let names: Vec<_> = lock.plugins.iter().map(|plugin| plugin.id.as_str()).collect();
            let remedy = heirloom_model::suggest::remedy(&self.plugin, "it has", &names);
            let (path, plugin) = (self.project.path().display(), &self.plugin);
            return Err(Failure::usage(format!("`{path}` has no plugin `{plugin}`; hint: {remedy}")).into());
        };
        lock.write(self.project.path()).or_fail()?;
        let purged = self.purge && context.home()?.purge(&removed.content).or_fail()?;
        if context.json {
            return output::json(&json!({ "removed": removed, "purged": purged })).map(|()| Exit::Done);
        }
        let (id, version) = (&removed.id, &removed.version);
        let store = if purged { ", and from the store" } else { "" };
        output::line(&format!("removed `{id}` {version} from `{}`{store}", self.project.path().display()))?;
        Ok(Exit::Done)
    }
}
