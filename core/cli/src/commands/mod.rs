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

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Exit;

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Search: run what a run file describes, starting from what the archive knows
    Search(search::Search),
    /// Go on with a run that was stopped or whose process died
    Resume(resume::Resume),
    /// List runs
    Runs(runs::Runs),
    /// Show a run: its best trials, its spending, what it was made of
    Show(show::Show),
    /// Tell what past tasks contributed to a run, and whether it helped
    Explain(explain::Explain),
    /// Compare runs at the same number of trials
    Compare(compare::Compare),
    /// Write a run's trials as a table, or a trial's trained network for PyTorch and ONNX
    Export(export::Export),
    /// Look after the archive: stats, check, merge, import
    Archive(archive::Archive),
    /// Recorded data sets: list them, get them
    Data(data::Data),
    /// The plugins that were found
    Plugin(plugin::Plugin),
    /// Search spaces: show one, map one to another
    Space(space::Space),
    /// Repeat a search on a recorded table over seeds and strategies, cold and warm
    Bench(bench::Bench),
    /// Check that everything that a search needs is in place
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Command {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
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
