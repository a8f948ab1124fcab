//! What every proxy must keep to: the suite that other labs run before they install a plugin.

mod common;

use std::sync::Arc;

use common::problem;
use heirloom_plugin::{Configuration, Context, Seed};

use {{crate}}::{Options, make};

#[test]
fn conforms() {
    let problem = problem();
    let sample = |number| -> Configuration {
        let drawn = problem.space.sample(&mut Seed::from_number(number).rng());
        drawn.expect("the space has configurations")
    };
    let configurations = (0..8).map(sample).collect();
    let make = || make(Options::default(), &problem, &Context::detached());
    heirloom_plugin_check::proxy(make, configurations).assert_passed();
}

#[test]
fn the_library_conforms() {
    let library = heirloom_plugin_check::built_library(env!("CARGO_PKG_NAME"));
    let space = Arc::clone(&problem().space);
    heirloom_plugin_check::library(&library)
        .space(space)
        .assert_passed();
}
