//! The project's tasks: `cargo xtask demo`, `cargo xtask test`, `cargo xtask figures`, `cargo xtask libtorch`.
//!
//! Each task installs what it needs below `target/` and in the user's data folder, so that a machine with a Rust
//! toolchain, a C++ compiler, python3 and pip is enough.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a task talks to whoever runs it")]

mod demo;
mod figures;
mod libtorch;
mod peers;
mod test;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the Heirloom project")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the main job: search a new data set from an archive of past trainings, warm and cold, with real trainings
    Demo(demo::Arguments),
    /// Build everything and pass every test
    Test,
    /// Measure the published figures from the product itself
    Figures(figures::Arguments),
    /// Make LibTorch available to builds: the user's own, or one installed for this user
    Libtorch(libtorch::Arguments),
}

/// What a task ends with: a sentence for the person who ran it.
pub(crate) type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test => test::run(),
        Task::Figures(arguments) => figures::run(&arguments),
        Task::Libtorch(arguments) => libtorch::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The project's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the project's root")
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A cargo command in the project's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// Builds the program and its plugins; returns the program's path, and what could be built.
pub(crate) fn build_product() -> Outcome<(PathBuf, libtorch::Packages)> {
    let packages = libtorch::Packages::available()?;
    call("building the program and its plugins", cargo(&["build"]).args(&packages.arguments))?;
    Ok((target_dir().join("debug").join("heirloom"), packages))
}

/// Runs a command with its output shown; `what` says what it is for.
pub(crate) fn call(what: &str, command: &mut Command) -> Outcome {
    let status =
        command.status().map_err(|error| format!("{what}: {} does not start: {error}", name(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{what}: {} ended with {status}", name(command))) }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
