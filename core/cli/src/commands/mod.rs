//! The commands, one a file: its arguments and what it does.

mod archive;
mod bench;
mod compare;
mod completions;
mod data;
mod doctor;
mod explain;
mod export;
mod plugin;
mod resume;
mod runs;
mod search;
mod show;
mod space;

use std::path::Path;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Exit;

/// What the program can do; what each command is for stands with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Search(search::Search),
    Resume(resume::Resume),
    Runs(runs::Runs),
    Show(show::Show),
    Explain(explain::Explain),
    Compare(compare::Compare),
    Export(export::Export),
    Archive(archive::Archive),
    Data(data::Data),
    Plugin(plugin::Plugin),
    Space(space::Space),
    Bench(bench::Bench),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

impl Command {
    /// The run file that it begins from.
    pub(crate) fn run_file(&self) -> Option<&Path> {
        match self {
            Self::Search(command) => Some(&command.file),
            Self::Bench(command) => Some(&command.file),
            _ => None,
        }
    }

    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        heirloom_plugin_host::calm_threads();
        match self {
            Self::Search(command) => command.run(context),
            Self::Resume(command) => command.run(context),
            Self::Runs(command) => command.run(context),
            Self::Show(command) => command.run(context),
            Self::Explain(command) => command.run(context),
            Self::Compare(command) => command.run(context),
            Self::Export(command) => command.run(context),
            Self::Archive(command) => command.run(context),
            Self::Data(command) => command.run(context),
            Self::Plugin(command) => command.run(context),
            Self::Space(command) => command.run(context),
            Self::Bench(command) => command.run(context),
            Self::Doctor(command) => command.run(context),
            Self::Completions(command) => command.run(),
        }
    }
}
