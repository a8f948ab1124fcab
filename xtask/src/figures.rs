//! `cargo xtask figures`: the published figures, measured from the product itself.

use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, build_product, call, cargo, target_dir};

/// The peers that figures are measured beside, pinned.
const PEERS: &[&str] = &["optuna==5.0.0"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only figures whose id begins so, such as `nb201.` or `speed.plugin.`
    #[arg(default_value = "")]
    prefix: String,
    /// Print one JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    build_product()?;
    call("building the figures' program", &mut cargo(&["build", "--package", "heirloom-figures"]))?;
    let mut command = Command::new(target_dir().join("debug").join("heirloom-figures"));
    command.current_dir(crate::root()).arg(&arguments.prefix).env("HEIRLOOM_PEERS_PYTHON", peers_python()?);
    if arguments.json {
        command.arg("--json");
    }
    call("figures", &mut command)
}

/// A private Python environment with the peers in it, made once.
fn peers_python() -> Outcome<PathBuf> {
    let folder = target_dir().join("peers");
    let python = folder.join("bin/python");
    let stamp = folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == PEERS.join("\n")) {
        return Ok(python);
    }
    call("the peers' environment", Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    call("installing peers", Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PEERS))?;
    std::fs::write(&stamp, PEERS.join("\n"))
        .map_err(|error| format!("`{}` cannot be written: {error}", stamp.display()))?;
    Ok(python)
}
