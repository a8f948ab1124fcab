//! What every strategy must keep to: the suite that other labs run before they install a plugin.

use heirloom_plugin::Context;

use {{crate}}::{Options, make};

#[test]
fn conforms() {
    heirloom_plugin_check::strategy(|problem| {
        make(Options::default(), problem, &Context::detached())
    })
    .assert_passed();
}

#[test]
fn the_library_conforms() {
    let library = heirloom_plugin_check::built_library(env!("CARGO_PKG_NAME"));
    heirloom_plugin_check::library(&library).assert_passed();
}
