//! `heirloom plugin`

mod add;
mod check;
mod dev;
mod docs;
mod info;
mod key;
mod list;
mod new;
mod pack;
mod project;
mod publish;
mod quarantine;
mod remove;
mod report;
mod sign;
mod update;
mod verify;

use std::path::Path;

use clap::{Args, Subcommand};
use heirloom_plugin_host::Plugin as Found;
use serde_json::{Value as Json, json};

use crate::catalogue::Plugins;
use crate::context::Context;
use crate::failure::Exit;

/// Plugins: those that were found; packages of others, and your own for others
#[derive(Debug, Args)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// List components, by kind and name, with the plugin that has each
    #[command(
        after_help = "Examples:\n  heirloom plugin list\n  heirloom plugin list --plugins target/debug --json"
    )]
    List,
    /// Show a component's description and options
    #[command(after_help = "Example:\n  heirloom plugin info evolution")]
    Info {
        /// A component's name, or a plugin's id
        name: String,
    },
    New(new::New),
    #[command(after_help = check::EXAMPLES)]
    Check(check::Check),
    Docs(docs::Docs),
    Pack(pack::Pack),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Key(key::Key),
    Publish(publish::Publish),
    Add(add::Add),
    Update(update::Update),
    Remove(remove::Remove),
    /// Build and search again whenever the plugin's source changes
    Dev(dev::Dev),
    /// List plugins that crashed too often to be used, or release one
    Quarantine(quarantine::Quarantine),
    /// Show the reports of a plugin's crashes, for its author
    Report(report::Report),
}

impl Plugin {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        // A lock in this folder counts, as for a run file here.
        let plugins = || Plugins::open(context, Some(Path::new(".")));
        match &self.command {
            PluginCommand::List => list::list(&plugins()?, context)?,
            PluginCommand::Dev(command) => return command.run(context),
            PluginCommand::Quarantine(command) => command.run(context)?,
            PluginCommand::Report(command) => return command.run(context),
            PluginCommand::Info { name } => info::info(&plugins()?, name, context)?,
            PluginCommand::New(command) => command.run(context)?,
            PluginCommand::Check(check) => return check.run(context),
            PluginCommand::Docs(command) => return command.run(context),
            PluginCommand::Pack(command) => return command.run(context),
            PluginCommand::Sign(command) => return command.run(context),
            PluginCommand::Verify(command) => return command.run(context),
            PluginCommand::Key(command) => return command.run(context),
            PluginCommand::Publish(command) => return command.run(context),
            PluginCommand::Add(command) => return command.run(context),
            PluginCommand::Update(command) => return command.run(context),
            PluginCommand::Remove(command) => return command.run(context),
        }
        Ok(Exit::Done)
    }
}

fn to_json(plugin: &Found, plugins: &Plugins) -> Json {
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
        "signed": plugins.is_locked(plugin),
    })
}
