//! The search is better than random draws.

use heirloom_plugin::Context;
use heirloom_plugin_check::{ConvergenceTask, convergence};
use heirloom_strategy_local_search::{Move, Options, strategy};

#[test]
fn both_moves_beat_random_search() {
    for moves in [Move::Best, Move::First] {
        let make =
            |problem: &_| strategy(Options { moves, ..Options::default() }, problem, &Context::detached());
        convergence(make, &[ConvergenceTask::Cells, ConvergenceTask::Numbers], 150).assert_passed();
    }
}
