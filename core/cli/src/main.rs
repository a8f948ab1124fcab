#![doc = include_str!("../README.md")]

mod beliefs;
mod bench;
mod catalogue;
mod commands;
mod context;
mod described;
mod failure;
mod files;
mod incumbent;
mod interrupt;
mod job;
mod logging;
mod objectives;
mod output;
mod past;
mod plot;
mod progress;
mod project_lock;
mod reasons;
mod run_lock;
mod seed_data;
mod summary;
mod trained;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use miette::MietteHandlerOpts;

use crate::commands::Command;
use crate::context::Context;
use crate::failure::{EXIT_CODES, Exit, exit_of};

/// Searches neural architectures and hyperparameters, and remembers.
#[derive(Debug, Parser)]
#[command(name = "heirloom", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    context: Context,

    #[command(subcommand)]
    command: Command,
}

fn main() -> ! {
    // An evaluation that was given up may still compute: the process does not exit under it.
    heirloom_plugin_host::leave(run().into())
}

/// Does what the command line says; all that it opens is closed when it returns.
fn run() -> Exit {
    let Cli { context, command } = Cli::parse();
    let json = context.json;
    // Fails only when a hook is set already.
    let _ = miette::set_hook(Box::new(move |_| match json {
        true => Box::new(output::JsonErrors),
        false => Box::new(MietteHandlerOpts::new().build()),
    }));
    let met_file_limit = Arc::new(AtomicBool::new(false));
    let started = interrupt::outlive_file_limit(&met_file_limit)
        .and_then(|()| logging::start(&context, command.run_file()));
    match started.and_then(|()| command.run(&context)) {
        Ok(exit) => exit,
        Err(report) => {
            complain(&report);
            if met_file_limit.load(Ordering::Relaxed) {
                tracing::warn!(
                    "a file has met the limit on the size of files; hint: raise it with `ulimit -f`"
                );
            }
            exit_of(&report)
        }
    }
}

/// Shows an error, where somebody still listens: the exit code says the rest.
fn complain(report: &miette::Report) {
    let _ = writeln!(std::io::stderr(), "{report:?}");
}
