//! What every strategy must keep to.

mod checks;

use heirloom_model::{ComponentError, ComponentErrorKind, Problem, Seed, Strategy};
use serde::{Deserialize, Serialize};

use crate::{Session, Subject, Suite, Trouble};

/// What a strategy is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StrategyCheck {
    /// Proposals are points of the problem.
    InBounds,
    /// Not more than was asked for.
    Count,
    /// Hundreds at once.
    LargeBatch,
    /// Asks while many trials run.
    Pending,
    /// Results in any order.
    AnyOrder,
    /// Failures are results.
    FailedTrials,
    /// Trials that never come back.
    FilteredTrials,
    /// Trials of others.
    ForeignTrials,
    /// Telling nothing changes nothing.
    EmptyTell,
    /// Same seed, same tells, same asks.
    Deterministic,
    /// Another seed, other asks.
    FollowsSeed,
    /// A saved state is the state.
    SaveRestore,
    /// Prior knowledge is taken in.
    Inform,
    /// The end of the space.
    Exhausted,
    /// Learning curves are judged.
    Judge,
    /// What is recommended was measured.
    Recommend,
}

impl StrategyCheck {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 16] = [
        Self::InBounds,
        Self::Count,
        Self::LargeBatch,
        Self::Pending,
        Self::AnyOrder,
        Self::FailedTrials,
        Self::FilteredTrials,
        Self::ForeignTrials,
        Self::EmptyTell,
        Self::Deterministic,
        Self::FollowsSeed,
        Self::SaveRestore,
        Self::Inform,
        Self::Exhausted,
        Self::Judge,
        Self::Recommend,
    ];

    /// The check's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::InBounds => "in-bounds",
            Self::Count => "count",
            Self::LargeBatch => "large-batch",
            Self::Pending => "pending",
            Self::AnyOrder => "any-order",
            Self::FailedTrials => "failed-trials",
            Self::FilteredTrials => "filtered-trials",
            Self::ForeignTrials => "foreign-trials",
            Self::EmptyTell => "empty-tell",
            Self::Deterministic => "deterministic",
            Self::FollowsSeed => "follows-seed",
            Self::SaveRestore => "save-restore",
            Self::Inform => "inform",
            Self::Exhausted => "exhausted",
            Self::Judge => "judge",
            Self::Recommend => "recommend",
        }
    }

    /// What the check demands.
    pub fn demand(self) -> &'static str {
        match self {
            Self::InBounds => {
                "every proposal is a point of the space: in bounds, on its steps, NaN exactly where a parameter is \
                 inactive, no forbidden combination, a fidelity within its dimensions"
            }
            Self::Count => "an ask for n gives at most n proposals, and an ask for none gives none",
            Self::LargeBatch => "an ask for 500 is answered, with at least one proposal",
            Self::Pending => {
                "asks are answered while up to 64 trials are pending, and all can be told afterwards"
            }
            Self::AnyOrder => "trials may be told in any order, one by one or many at a time",
            Self::FailedTrials => {
                "failed trials are told like others; the search goes on, even when all have failed"
            }
            Self::FilteredTrials => {
                "a proposal that was filtered out is neither pending nor ever told; the search goes on"
            }
            Self::ForeignTrials => {
                "trials that the strategy did not propose may be pending and told: a warm start's"
            }
            Self::EmptyTell => "telling no trials changes nothing",
            Self::Deterministic => {
                "the same seed and the same tells give the same asks, in a fresh instance too: a run resumes by \
                 replaying its trials"
            }
            Self::FollowsSeed => "another seed gives other proposals, unless declared with `ignores_seed`",
            Self::SaveRestore => {
                "an instance that restores a saved state proposes what the saved one proposes"
            }
            Self::Inform => {
                "prior knowledge is taken in before the first ask, be it empty or not, and used where that is declared"
            }
            Self::Exhausted => "a strategy that has nothing left to propose stays at that",
            Self::Judge => "every reported point of a learning curve gets a verdict",
            Self::Recommend => "a recommended trial is one that was told with a result",
        }
    }

    fn body<F: Make>(self) -> fn(&StrategySubject<F>) -> Result<(), Trouble> {
        match self {
            Self::InBounds => checks::in_bounds,
            Self::Count => checks::count,
            Self::LargeBatch => checks::large_batch,
            Self::Pending => checks::pending,
            Self::AnyOrder => checks::any_order,
            Self::FailedTrials => checks::failed_trials,
            Self::FilteredTrials => checks::filtered_trials,
            Self::ForeignTrials => checks::foreign_trials,
            Self::EmptyTell => checks::empty_tell,
            Self::Deterministic => checks::deterministic,
            Self::FollowsSeed => checks::follows_seed,
            Self::SaveRestore => checks::save_restore,
            Self::Inform => checks::inform,
            Self::Exhausted => checks::exhausted,
            Self::Judge => checks::judge,
            Self::Recommend => checks::recommend,
        }
    }
}

/// Makes the strategy under check.
pub trait Make: Fn(&Problem) -> Result<Box<dyn Strategy>, ComponentError> {}
impl<F: Fn(&Problem) -> Result<Box<dyn Strategy>, ComponentError>> Make for F {}

/// A strategy under check: how it is made, and what is declared of it.
#[derive(Debug, Clone)]
pub struct StrategySubject<F> {
    make: F,
    ignores_seed: bool,
    informs: Option<bool>,
}

impl<F> StrategySubject<F> {
    pub(crate) fn new(make: F) -> Self {
        Self { make, ignores_seed: false, informs: None }
    }
}

impl<F> Suite<StrategySubject<F>> {
    /// Declares that the strategy draws nothing at random, as a grid does.
    #[must_use]
    pub fn ignores_seed(mut self) -> Self {
        self.0.ignores_seed = true;
        self
    }

    /// Declares whether the strategy uses prior knowledge, as `informs` in `plugin.toml` does; what `inform` says is
    /// compared with it.
    #[must_use]
    pub fn informs(mut self, informs: bool) -> Self {
        self.0.informs = Some(informs);
        self
    }
}

impl<F: Make> Subject for StrategySubject<F> {
    type Check = StrategyCheck;
    const CHECKS: &'static [StrategyCheck] = &StrategyCheck::ALL;

    fn describe(check: StrategyCheck) -> (String, &'static str) {
        (format!("strategy/{}", check.name()), check.demand())
    }

    fn make(&self, check: StrategyCheck) -> Result<(), Trouble> {
        check.body()(self)
    }
}

impl<F: Make> StrategySubject<F> {
    /// A session on `problem`; `None` where the strategy does not work on it.
    fn session<'p>(&self, problem: &'p Problem, seed: u64) -> Result<Option<Session<'p>>, Trouble> {
        match (self.make)(problem) {
            Ok(strategy) => Ok(Some(Session::new(strategy, problem, Seed::from_number(seed)))),
            Err(error) if error.kind == ComponentErrorKind::Unsupported => Ok(None),
            Err(error) => Err(Trouble::from_error("making the strategy", &error)),
        }
    }

    /// Makes a check on each of `problems` that the strategy works on; there must be one.
    fn on_each(
        &self,
        problems: Vec<Problem>,
        body: impl Fn(&Problem, Session<'_>) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let mut n_supported = 0;
        for problem in &problems {
            if let Some(session) = self.session(problem, 1)? {
                body(problem, session)?;
                n_supported += 1;
            }
        }
        if n_supported == 0 {
            return Err(Trouble::Skipped("the strategy works on none of the problems of this check".into()));
        }
        Ok(())
    }

    /// A second instance beside one that `on_each` gave.
    fn twin<'p>(&self, problem: &'p Problem, seed: u64) -> Result<Session<'p>, Trouble> {
        self.session(problem, seed)?
            .ok_or_else(|| Trouble::Failed("the strategy refused a problem that it had taken before".into()))
    }
}

#[cfg(test)]
mod tests;
