//! `cargo xtask test`: everything that must hold.

use std::process::{Command, Stdio};

use crate::{Outcome, call, cargo, root, target_dir};

pub(crate) fn run() -> Outcome {
    // Tests load plugins as users do: as libraries in the target folder.
    run_step("building the program and its plugins", &["build"])?;
    if has_nextest() {
        run_step("tests", &["nextest", "run", "--workspace", "--no-fail-fast"])?;
    } else {
        run_step("tests", &["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"])?;
    }
    run_step("examples in documentation", &["test", "--workspace", "--doc"])?;
    // A third party's crate builds on its own, outside the workspace.
    let mut example = cargo(&["test"]);
    example.current_dir(root().join("examples/custom-strategy"));
    example.env("CARGO_TARGET_DIR", target_dir().join("examples"));
    call("examples/custom-strategy", &mut example)
}

fn run_step(what: &str, arguments: &[&str]) -> Outcome {
    call(what, &mut cargo(arguments))
}

fn has_nextest() -> bool {
    let version = Command::new("cargo")
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}
