//! The time budget, asked between and inside computations.

use std::time::{Duration, Instant};

use crate::Skipped;

/// Elementary steps a second, assumed low: a step not begun is better than a budget broken.
const STEPS_PER_SECOND: f64 = 5e8;

/// When the budget ends, if it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(budget: Option<Duration>) -> Deadline {
        Deadline(budget.and_then(|budget| Instant::now().checked_add(budget)))
    }

    /// Errors once the time is over.
    pub(crate) fn check(self) -> Result<(), Skipped> {
        self.allows(0.0)
    }

    /// Errors when a computation of `n_steps` that cannot be interrupted does not fit into the time left.
    pub(crate) fn allows(self, n_steps: f64) -> Result<(), Skipped> {
        let Some(end) = self.0 else { return Ok(()) };
        let left = end.saturating_duration_since(Instant::now()).as_secs_f64();
        if left > n_steps / STEPS_PER_SECOND { Ok(()) } else { Err(Skipped::OutOfTime) }
    }
}
