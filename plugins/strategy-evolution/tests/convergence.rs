//! The search is better than random draws.

use heirloom_plugin::Context;
use heirloom_plugin_check::{ConvergenceTask, convergence};
use heirloom_strategy_evolution::{Options, strategy};

#[test]
fn evolution_beats_random_search() {
    let make = |problem: &_| strategy(Options::default(), problem, &Context::detached());
    convergence(make, &[ConvergenceTask::Cells, ConvergenceTask::Numbers], 150).assert_passed();
}
