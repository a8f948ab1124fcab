//! The search is good, not merely running: better than random draws, on an architecture and on numbers.

use heirloom_plugin::Context;
use heirloom_plugin_check::{ConvergenceTask, convergence};

use {{crate}}::{Options, make};

#[test]
fn it_beats_random_search() {
    convergence(
        |problem| make(Options::default(), problem, &Context::detached()),
        &[ConvergenceTask::Cells, ConvergenceTask::Numbers],
        150,
    )
    .assert_passed();
}
