//! A private Python environment with what the product is measured and checked against.

use std::path::PathBuf;
use std::process::Command;

use crate::{Outcome, call, target_dir};

/// The variable that names the environment's Python to tests and figures.
pub(crate) const VARIABLE: &str = "HEIRLOOM_PEERS_PYTHON";

/// The peers that figures are measured beside, pinned.
const PEERS: &[&str] = &["optuna==5.0.0"];

/// What exports are loaded with and trainings compared with: 3 GB to download, once.
const TORCH_PEERS: &[&str] = &["torch==2.11.0", "numpy==2.4.6", "onnx==1.23.2", "onnxruntime==1.32.0"];

/// A Python with the peers, those for LibTorch's crates among them where asked. The one that the variable names is used
/// as it is; else an environment is made once. Where that fails, it is said and what needs the peers is left out.
pub(crate) fn python(with_torch: bool) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(named.into());
    }
    let folder = target_dir().join("peers");
    let python = folder.join("bin/python");
    let mut groups = vec![("optuna", PEERS)];
    if with_torch {
        groups.push(("PyTorch and ONNX", TORCH_PEERS));
    }
    for (what, group) in groups {
        if let Err(problem) = install(&folder, &python, group) {
            eprintln!("warning: what is compared with {what} is left out: {problem}");
        }
    }
    python.exists().then_some(python)
}

fn install(folder: &PathBuf, python: &PathBuf, group: &[&str]) -> Outcome {
    let package = group[0].split_once('=').map_or(group[0], |(name, _)| name);
    let stamp = folder.join(format!("installed-{package}.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == group.join("\n")) {
        return Ok(());
    }
    if !python.exists() {
        call("the peers' environment", Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(group);
    call("installing peers", &mut pip)?;
    std::fs::write(&stamp, group.join("\n"))
        .map_err(|error| format!("`{}` cannot be written: {error}", stamp.display()))
}
