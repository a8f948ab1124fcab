//! The search is good, not merely running.

use heirloom_example_custom_strategy::{Options, threshold_accepting};
use heirloom_plugin::Context;
use heirloom_plugin_check::{ConvergenceTask, convergence};

#[test]
fn it_beats_random_search() {
    convergence(
        |problem| threshold_accepting(Options::default(), problem, &Context::detached()),
        &[ConvergenceTask::Cells, ConvergenceTask::Numbers],
        150,
    )
    .assert_passed();
}
