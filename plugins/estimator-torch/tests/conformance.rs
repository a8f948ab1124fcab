//! What every estimator must keep to, with real trainings.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

mod common;

use common::{Files, estimator, options, request, space};
use heirloom_plugin::json;

#[test]
fn trainings_on_a_table_conform() {
    let files = Files::new();
    let data = files.clouds(120);
    let requests = (0..2).map(|trial| request(&space(), trial, 3.0)).collect();
    heirloom_plugin_check::estimator(|| estimator(options(&data, json!({}))), requests).assert_passed();
}

#[test]
fn a_regression_conforms() {
    let files = Files::new();
    let data = files.plane(120);
    let requests = (0..2).map(|trial| request(&space(), trial, 3.0)).collect();
    heirloom_plugin_check::estimator(|| estimator(options(&data, json!({}))), requests).assert_passed();
}

#[test]
fn the_library_conforms() {
    let files = Files::new();
    let options = json!({"data": files.clouds(120), "epochs": 2, "device": "cpu"});
    let library = heirloom_plugin_check::built_library(env!("CARGO_PKG_NAME"));
    heirloom_plugin_check::library(&library).options("torch", options).space(space()).assert_passed();
}
