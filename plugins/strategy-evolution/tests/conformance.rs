//! What every strategy must keep to.

use heirloom_plugin::Context;
use heirloom_strategy_evolution::{Options, strategy};

#[test]
fn with_and_without_distinct_children_it_conforms() {
    for distinct in [false, true] {
        heirloom_plugin_check::strategy(|problem| {
            strategy(Options { distinct, ..Options::default() }, problem, &Context::detached())
        })
        .assert_passed();
    }
}

#[test]
fn the_library_conforms() {
    let library = heirloom_plugin_check::built_library(env!("CARGO_PKG_NAME"));
    heirloom_plugin_check::library(&library).assert_passed();
}
