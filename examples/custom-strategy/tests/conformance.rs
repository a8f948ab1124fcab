//! What every strategy must keep to: the suite that other labs run before they install a plugin.

use heirloom_example_custom_strategy::{Options, threshold_accepting};
use heirloom_plugin::Context;

#[test]
fn conforms() {
    heirloom_plugin_check::strategy(|problem| {
        threshold_accepting(Options::default(), problem, &Context::detached())
    })
    .assert_passed();
}
