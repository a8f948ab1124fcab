//! The checks, one function each.

mod knowledge;
mod proposals;
mod repeat;
mod results;

pub(super) use knowledge::{inform, judge};
pub(super) use proposals::{count, exhausted, filtered_trials, large_batch, obeys, pending};
pub(super) use repeat::{
    damaged_state, deterministic, empty_ask, empty_tell, follows_seed, interleaved, judge_apart,
    save_restore, tells_together,
};
pub(super) use results::{
    any_order, equal_results, extreme_results, failed_trials, foreign_trials, odd_results, recommend,
    wrong_input,
};

use heirloom_model::{Configuration, FailureKind, Fidelity, Problem, Rng};

use crate::{Trouble, problems};

/// Trials of an ordinary check: enough for a strategy to leave its initial phase.
const N_TRIALS: usize = 60;

type Measured = Result<Vec<f64>, FailureKind>;

/// The check problems' own objective.
pub(crate) fn measured(problem: &Problem) -> impl Fn(&Configuration, &Fidelity) -> Measured + '_ {
    |configuration, fidelity| Ok(problems::measure(problem, configuration, fidelity))
}

fn sample(problem: &Problem, rng: &mut Rng) -> Result<Configuration, Trouble> {
    problem.space.sample(rng).map_err(|error| Trouble::Failed(error.to_string()))
}
