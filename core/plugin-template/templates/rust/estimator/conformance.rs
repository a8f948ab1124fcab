//! What every estimator must keep to: the suite that other labs run before they install a plugin.

mod common;

use common::{request, space};
use heirloom_plugin::{Context, Seed};

use {{crate}}::{Options, make};

#[test]
fn conforms() {
    let space = space();
    let sample = |trial| {
        let drawn = space.sample(&mut Seed::from_number(trial).rng());
        request(trial, drawn.expect("the space has configurations"), 20.0)
    };
    let requests = (0..8).map(sample).collect();
    let make = || make(Options::default(), Some(&space), &Context::detached());
    heirloom_plugin_check::estimator(make, requests).assert_passed();
}

#[test]
fn the_library_conforms() {
    let library = heirloom_plugin_check::built_library(env!("CARGO_PKG_NAME"));
    heirloom_plugin_check::library(&library)
        .space(space())
        .assert_passed();
}
