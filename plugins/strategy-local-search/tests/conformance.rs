//! What every strategy must keep to.

use heirloom_plugin::Context;
use heirloom_strategy_local_search::{Move, Options, strategy};

#[test]
fn both_moves_conform() {
    for moves in [Move::Best, Move::First] {
        heirloom_plugin_check::strategy(|problem| {
            strategy(Options { moves, ..Options::default() }, problem, &Context::detached())
        })
        .assert_passed();
    }
}

#[test]
fn the_library_conforms() {
    let library = heirloom_plugin_check::built_library(env!("CARGO_PKG_NAME"));
    heirloom_plugin_check::library(&library).assert_passed();
}
