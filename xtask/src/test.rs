//! `cargo xtask test`: everything that must hold.

use std::process::{Command, Stdio};

use crate::libtorch::Packages;
use crate::{Outcome, call, cargo, peers, root, target_dir};

pub(crate) fn run() -> Outcome {
    let packages = Packages::available()?;
    let python = peers::python(packages.have_libtorch());
    let step = |what: &str, arguments: &[&str]| {
        let mut command = cargo(arguments);
        if let Some(python) = &python {
            command.env(peers::VARIABLE, python);
        }
        call(what, command.args(&packages.arguments))
    };
    // Tests load plugins as users do: as libraries in the target folder.
    step("building the program and its plugins", &["build"])?;
    if has_nextest() {
        step("tests", &["nextest", "run", "--no-fail-fast"])?;
    } else {
        step("tests", &["test", "--no-fail-fast", "--lib", "--bins", "--tests"])?;
    }
    step("examples in documentation", &["test", "--doc"])?;
    // A third party's crate builds on its own, outside the workspace.
    let mut example = cargo(&["test"]);
    example.current_dir(root().join("examples/custom-strategy"));
    example.env("CARGO_TARGET_DIR", target_dir().join("examples"));
    call("examples/custom-strategy", &mut example)?;
    packages.warn();
    Ok(())
}

fn has_nextest() -> bool {
    let version = Command::new("cargo")
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}
