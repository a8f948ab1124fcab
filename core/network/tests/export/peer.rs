//! Python, where it is at hand.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with these packages, or `None` with a visible line: `$HEIRLOOM_PEERS_PYTHON`, the environment that
/// `cargo xtask` makes, or the user's.
pub(crate) fn python(packages: &str) -> Option<PathBuf> {
    let named = std::env::var_os("HEIRLOOM_PEERS_PYTHON").map(PathBuf::from);
    // A crate's folder is two below the project's.
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin/python");
    let has = |python: &PathBuf| {
        let output = Command::new(python).args(["-c", &format!("import {packages}")]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = named.into_iter().chain([own, "python3".into()]).find(has);
    if found.is_none() {
        // Past the test runner, which hides what passing tests print.
        let line = format!(
            "skipped: no Python that imports {packages}; hint: name one with HEIRLOOM_PEERS_PYTHON\n"
        );
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

/// What a script prints; fails where it ends with an error.
pub(crate) fn output_of(python: &Path, script: &Path, arguments: &[&Path]) -> String {
    let output =
        Command::new(python).arg(script).args(arguments).env("OMP_NUM_THREADS", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Python ended with {}:\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
