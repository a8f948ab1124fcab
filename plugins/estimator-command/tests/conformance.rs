//! What every estimator must keep to, with a real program.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

mod common;

use common::{estimator_of, options, requests};
use heirloom_plugin::json;

#[test]
fn a_python_program_with_a_learning_curve_conforms() {
    let program = r#"
import json, os, sys
configuration = json.load(sys.stdin)
for epoch in range(1, 1 + int(os.environ["HEIRLOOM_FIDELITY_EPOCHS"])):
    print(json.dumps({"step": epoch, "acc": configuration["lr"] * epoch, "loss": 1.0 / epoch}), flush=True)
"#;
    let options = options(&["python3", "-c", program]);
    heirloom_plugin_check::estimator(|| estimator_of(options.clone()), requests(2)).assert_passed();
}

#[test]
fn a_shell_program_with_one_measurement_conforms() {
    let options = options(&["sh", "-c", r#"echo '{"acc": 0.5, "loss": 2}'"#]);
    heirloom_plugin_check::estimator(|| estimator_of(options.clone()), requests(2)).assert_passed();
}

#[test]
fn the_library_conforms() {
    let options = json!({
        "command": ["sh", "-c", r#"for step in 1 2; do echo "{\"step\": $step, \"acc\": 0.5}"; done"#],
        "objectives": [{ "name": "acc", "direction": "maximise" }],
    });
    let library = heirloom_plugin_check::built_library(env!("CARGO_PKG_NAME"));
    heirloom_plugin_check::library(&library)
        .options("command", options)
        .space(common::space())
        .assert_passed();
}
