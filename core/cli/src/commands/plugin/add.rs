//! `heirloom plugin add`

use std::path::{Path, PathBuf};

use clap::Args;
use heirloom_plugin_host::Capability;
use heirloom_plugin_package::{Added, Grants};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output;

use super::project::{IndexOption, Project, capability, public_key};

/// Install a plugin by name, and pin it in `heirloom.lock`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom plugin add my-plugin --index /srv/heirloom\n  heirloom plugin add my-plugin@0.2.0 \
    --grant processes\n  heirloom plugin add ./my-plugin-0.1.0.heirloom --key author.pub\n  heirloom plugin add --locked   # \
    what heirloom.lock names and is not here yet\n\nSearches whose run file lies beside `heirloom.lock` use its plugins \
    first. The key of the first installation is pinned; nothing of a package is executed before a search asks for it."
)]
pub(super) struct Add {
    /// A plugin's id, or `ID@VERSION`, or a package's file
    #[arg(value_name = "PLUGIN", required_unless_present = "locked")]
    plugin: Option<String>,

    #[command(flatten)]
    index: IndexOption,

    #[command(flatten)]
    project: Project,

    /// Allow it something it asks for; may be given several times
    #[arg(long = "grant", value_name = "CAPABILITY", value_parser = capability)]
    grants: Vec<Capability>,

    /// The public key that must have signed it [default: the pinned one; on first use the index's]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Install what the lock names, the very same packages
    #[arg(long, conflicts_with_all = ["plugin", "grants"])]
    locked: bool,
}

impl Add {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let key = self.key.as_deref().map(public_key).transpose()?;
        let grants = Grants { capabilities: self.grants.clone(), key };
        match &self.plugin {
            None => self.restore(&grants, context),
            Some(name) => self.add(name, grants, context),
        }
    }

    fn add(&self, name: &str, mut grants: Grants, context: &Context) -> miette::Result<Exit> {
        let mut lock = self.project.read()?;
        let home = context.home()?;
        let file = Path::new(name);
        let added = if file.extension().is_some_and(|extension| extension == "heirloom") {
            home.add_file(file, &grants).or_fail()?
        } else {
            let (id, version) = match name.split_once('@') {
                None => (name, None),
                Some((id, version)) => (id, Some(version)),
            };
            let version = version.map(str::parse).transpose().map_err(|error| {
                Failure::usage(format!("`{name}`: the version is none: {error}; hint: such as `{id}@1.2.3`"))
            })?;
            let granted = lock.get(id).map(|plugin| plugin.capabilities.clone());
            grants.capabilities.extend(granted.unwrap_or_default());
            let index = match (self.index.given(), lock.get(id)) {
                (None, Some(locked)) if !locked.index.is_empty() => self.project.index_of(locked)?,
                _ => self.project.index(&self.index.path()?)?,
            };
            home.add(&index, id, version.as_ref(), &grants).or_fail()?
        };
        let before = lock.put(added.plugin.clone());
        lock.write(self.project.path()).or_fail()?;
        if context.json {
            output::json(&json!({
                "added": added.plugin,
                "before": before,
                "newly_pinned": added.newly_pinned,
                "lock": self.project.path(),
            }))?;
            return Ok(Exit::Done);
        }
        tell(&added, &home.folder_of(&added.plugin.content))?;
        output::line(&format!("lock   `{}`", self.project.path().display()))?;
        Ok(Exit::Done)
    }

    fn restore(&self, grants: &Grants, context: &Context) -> miette::Result<Exit> {
        let home = context.home()?;
        let mut restored = Vec::new();
        for plugin in &self.project.read()?.plugins {
            let index = match self.index.given() {
                Some(path) => self.project.index(path)?,
                None => self.project.index_of(plugin)?,
            };
            if home.restore(&index, plugin, grants).or_fail()? {
                restored.push(format!("{}@{}", plugin.id, plugin.version));
            }
        }
        if context.json {
            output::json(&json!({ "installed": restored, "lock": self.project.path() }))?;
        } else if restored.is_empty() {
            output::line("all that the lock names is installed")?;
        } else {
            output::line(&format!("installed {}", restored.join(", ")))?;
        }
        Ok(Exit::Done)
    }
}

fn join(capabilities: &[Capability]) -> String {
    capabilities.iter().map(Capability::to_string).collect::<Vec<_>>().join(", ")
}

/// Says what was installed.
pub(super) fn tell(added: &Added, folder: &Path) -> miette::Result<()> {
    let plugin = &added.plugin;
    output::line(&format!("added `{}` {}, interface {}", plugin.id, plugin.version, plugin.interface))?;
    output::line(&format!("files  `{}`", folder.display()))?;
    if !plugin.capabilities.is_empty() {
        output::line(&format!("may    {}", join(&plugin.capabilities)))?;
    }
    let news = match added.newly_pinned {
        Some(_) => ", pinned from now on: compare it with what its author tells you",
        None => ", as before",
    };
    output::line(&format!("key    {}{news}", plugin.key))
}
