//! `heirloom plugin update`

use clap::Args;
use heirloom_plugin_host::Capability;
use heirloom_plugin_package::Grants;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output;

use super::project::{IndexOption, Project, capability};

/// Take the newest versions of a project's plugins
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin update\n  heirloom plugin update my-plugin --grant network\n  heirloom plugin \
    update --dry-run --json\n\nA version that asks for more than was granted is refused until that is granted."
)]
pub(super) struct Update {
    /// The plugins [default: all of the lock]
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<String>,

    #[command(flatten)]
    index: IndexOption,

    #[command(flatten)]
    project: Project,

    /// Allow them something they ask for; may be given several times
    #[arg(long = "grant", value_name = "CAPABILITY", value_parser = capability)]
    grants: Vec<Capability>,

    /// Only say what there is
    #[arg(long)]
    dry_run: bool,
}

impl Update {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let home = context.home()?;
        let mut lock = self.project.read()?;
        for id in &self.plugins {
            if lock.get(id).is_none() {
                let path = self.project.path().display();
                return Err(Failure::usage(format!(
                    "`{path}` has no plugin `{id}`; hint: `heirloom plugin add {id}`"
                ))
                .into());
            }
        }
        let mut updated = Vec::new();
        for plugin in lock.plugins.clone() {
            if !self.plugins.is_empty() && !self.plugins.contains(&plugin.id) {
                continue;
            }
            // A package's file has no index to look for a newer one in.
            if plugin.index.is_empty() && self.index.given().is_none() && self.plugins.is_empty() {
                continue;
            }
            let index = match self.index.given() {
                Some(path) => self.project.index(path)?,
                None => self.project.index_of(&plugin)?,
            };
            let newest = home.newest(&index, &plugin.id).or_fail()?;
            if newest <= plugin.version {
                continue;
            }
            if !self.dry_run {
                let capabilities = [&plugin.capabilities[..], &self.grants[..]].concat();
                let grants = Grants { capabilities, key: None };
                let added = home.add(&index, &plugin.id, Some(&newest), &grants).or_fail()?;
                lock.put(added.plugin);
                // One by one: what was updated stays so if a later one is refused.
                lock.write(self.project.path()).or_fail()?;
            }
            updated.push((plugin.id, plugin.version, newest));
        }
        if context.json {
            let entry = |(id, from, to): &(String, _, _)| json!({ "id": id, "from": from, "to": to });
            let all: Vec<_> = updated.iter().map(entry).collect();
            output::json(&json!({ "updated": all, "dry_run": self.dry_run }))?;
            return Ok(Exit::Done);
        }
        for (id, from, to) in &updated {
            let word = if self.dry_run { "there is" } else { "updated to" };
            output::line(&format!("`{id}` {from}: {word} {to}"))?;
        }
        if updated.is_empty() {
            output::line("nothing is newer")?;
        }
        Ok(Exit::Done)
    }
}
