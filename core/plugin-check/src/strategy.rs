//! What every strategy must keep to.

mod checks;

pub(crate) use checks::measured;

use heirloom_model::{ComponentError, ComponentErrorKind, Problem, Seed, Strategy};

use crate::session::{Enforced, Rule};
use crate::{Check, Session, Subject, Suite, Trouble};

type Make<'a> = dyn Fn(&Problem) -> Result<Box<dyn Strategy>, ComponentError> + 'a;
type MakeCheck = fn(&StrategySubject<'_>) -> Result<(), Trouble>;

/// What a strategy is checked for.
pub(crate) const CHECKS: &[Check<MakeCheck>] = &[
    Check::new(
        "in-bounds",
        "every value of a proposal is one of its parameter's: within bounds, on its steps, one value for each parameter",
        |subject| checks::obeys(subject, Rule::Bounds),
    ),
    Check::new(
        "conditions",
        "a proposal has a value exactly where its parameter is active, and NaN elsewhere",
        |subject| checks::obeys(subject, Rule::Conditions),
    ),
    Check::new("forbidden", "no proposal holds a combination that the space forbids", |subject| {
        checks::obeys(subject, Rule::Forbidden)
    }),
    Check::new(
        "fidelity",
        "a proposal's fidelity has a value for each dimension, within its range, whole where only whole ones count",
        |subject| checks::obeys(subject, Rule::Fidelity),
    ),
    Check::new("lineage", "a proposal inherits from, or continues, an earlier trial", |subject| {
        checks::obeys(subject, Rule::Lineage)
    }),
    Check::new(
        "count",
        "an ask for n gives at most n proposals, and an ask for none gives none",
        checks::count,
    ),
    Check::new("large-batch", "an ask for 500 is answered, with at least one proposal", checks::large_batch),
    Check::new(
        "pending",
        "asks are answered while up to 64 trials are pending, and all can be told afterwards",
        checks::pending,
    ),
    Check::new(
        "any-order",
        "trials may be told in any order, one by one or many at a time",
        checks::any_order,
    ),
    Check::new(
        "failed-trials",
        "failed trials are told like others; the search goes on, even when all have failed",
        checks::failed_trials,
    ),
    Check::new(
        "equal-results",
        "the search goes on when all results are the same number",
        checks::equal_results,
    ),
    Check::new(
        "extreme-results",
        "the search goes on with results as large as 1e300 and as small as -1e300",
        checks::extreme_results,
    ),
    Check::new(
        "odd-results",
        "a result of NaN or infinity, which no host sends, is refused with an error or left out: no panic, and the search goes on",
        checks::odd_results,
    ),
    Check::new(
        "wrong-input",
        "an observation of the wrong shape is refused with an error or left out, without a panic",
        checks::wrong_input,
    ),
    Check::new(
        "filtered-trials",
        "a proposal that was filtered out is neither pending nor ever told; the search goes on",
        checks::filtered_trials,
    ),
    Check::new(
        "foreign-trials",
        "trials that the strategy did not propose may be pending and told: a warm start's",
        checks::foreign_trials,
    ),
    Check::new("empty-tell", "telling no trials changes nothing", checks::empty_tell),
    Check::new("empty-ask", "an ask for none changes nothing", checks::empty_ask),
    Check::new(
        "tells-together",
        "trials that are told together come to the same as trials that are told one by one",
        checks::tells_together,
    ),
    Check::new(
        "deterministic",
        "the same seed and the same tells give the same asks, in a fresh instance too: a run resumes by replaying its trials",
        checks::deterministic,
    ),
    Check::new(
        "interleaved",
        "another instance at work at the same time changes nothing",
        checks::interleaved,
    ),
    Check::new(
        "follows-seed",
        "another seed gives other proposals, unless declared with `ignores_seed`",
        checks::follows_seed,
    ),
    Check::new(
        "save-restore",
        "an instance that restores a saved state proposes what the saved one proposes",
        checks::save_restore,
    ),
    Check::new(
        "damaged-state",
        "a saved state that was cut short is refused with an error",
        checks::damaged_state,
    ),
    Check::new(
        "inform",
        "prior knowledge is taken in before the first ask, be it empty or not, and used where that is declared",
        checks::inform,
    ),
    Check::new("exhausted", "a strategy that has nothing left to propose stays at that", checks::exhausted),
    Check::new("judge", "every reported point of a learning curve gets a verdict", checks::judge),
    Check::new(
        "judge-apart",
        "what is judged does not change what is proposed: a run that resumes is not shown its curves again",
        checks::judge_apart,
    ),
    Check::new("recommend", "a recommended trial is one that was told with a result", checks::recommend),
];

/// A strategy under check: how it is made, and what is declared of it.
pub struct StrategySubject<'a> {
    pub(crate) make: Box<Make<'a>>,
    pub(crate) ignores_seed: bool,
    pub(crate) informs: Option<bool>,
    pub(crate) seed: u64,
}

impl<'a> Suite<StrategySubject<'a>> {
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

    /// The number from which the checks' seeds follow; 1 by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }
}

impl Subject for StrategySubject<'_> {
    type Make = MakeCheck;
    const KIND: &'static str = "strategy";
    const CHECKS: &'static [Check<MakeCheck>] = CHECKS;

    fn make(&self, make: MakeCheck) -> Result<(), Trouble> {
        make(self)
    }
}

impl StrategySubject<'_> {
    /// A session on `problem` with the `seed`-th seed, from 1, that enforces no rule; `None` where the strategy does not work on it.
    fn session<'p>(&self, problem: &'p Problem, seed: u64) -> Result<Option<Session<'p>>, Trouble> {
        match (self.make)(problem) {
            Ok(strategy) => {
                let seed = Seed::from_number(self.seed.wrapping_add(seed - 1));
                let mut session = Session::new(strategy, problem, seed);
                session.enforce(Enforced::None);
                Ok(Some(session))
            }
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
