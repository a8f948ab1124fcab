//! What every strategy must keep to.

mod checks;

pub(crate) use checks::{measured, same};

use heirloom_model::{ComponentError, ComponentErrorKind, Problem, Seed, Strategy};
use serde::{Deserialize, Serialize};

use crate::session::{Enforced, Rule};
use crate::{Session, Subject, Suite, Trouble};

/// What a strategy is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StrategyCheck {
    /// Proposals are points of the problem.
    InBounds,
    /// Conditional parameters.
    Conditions,
    /// Forbidden combinations.
    Forbidden,
    /// Sizes of evaluations.
    Fidelity,
    /// What proposals build on.
    Lineage,
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
    /// Nothing to tell trials apart.
    EqualResults,
    /// Numbers that overflow when added.
    ExtremeResults,
    /// Results that are no numbers.
    OddResults,
    /// Observations of another shape.
    WrongInput,
    /// Trials that never come back.
    FilteredTrials,
    /// Trials of others.
    ForeignTrials,
    /// Telling nothing changes nothing.
    EmptyTell,
    /// Asking for nothing changes nothing.
    EmptyAsk,
    /// A batch is many single tells.
    TellsTogether,
    /// Same seed, same tells, same asks.
    Deterministic,
    /// Instances know nothing of each other.
    Interleaved,
    /// Another seed, other asks.
    FollowsSeed,
    /// A saved state is the state.
    SaveRestore,
    /// A state that was cut short.
    DamagedState,
    /// Prior knowledge is taken in.
    Inform,
    /// The end of the space.
    Exhausted,
    /// Learning curves are judged.
    Judge,
    /// Judging changes no proposals.
    JudgeApart,
    /// What is recommended was measured.
    Recommend,
}

impl StrategyCheck {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 29] = [
        Self::InBounds,
        Self::Conditions,
        Self::Forbidden,
        Self::Fidelity,
        Self::Lineage,
        Self::Count,
        Self::LargeBatch,
        Self::Pending,
        Self::AnyOrder,
        Self::FailedTrials,
        Self::EqualResults,
        Self::ExtremeResults,
        Self::OddResults,
        Self::WrongInput,
        Self::FilteredTrials,
        Self::ForeignTrials,
        Self::EmptyTell,
        Self::EmptyAsk,
        Self::TellsTogether,
        Self::Deterministic,
        Self::Interleaved,
        Self::FollowsSeed,
        Self::SaveRestore,
        Self::DamagedState,
        Self::Inform,
        Self::Exhausted,
        Self::Judge,
        Self::JudgeApart,
        Self::Recommend,
    ];

    /// The check's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::InBounds => "in-bounds",
            Self::Conditions => "conditions",
            Self::Forbidden => "forbidden",
            Self::Fidelity => "fidelity",
            Self::Lineage => "lineage",
            Self::Count => "count",
            Self::LargeBatch => "large-batch",
            Self::Pending => "pending",
            Self::AnyOrder => "any-order",
            Self::FailedTrials => "failed-trials",
            Self::EqualResults => "equal-results",
            Self::ExtremeResults => "extreme-results",
            Self::OddResults => "odd-results",
            Self::WrongInput => "wrong-input",
            Self::FilteredTrials => "filtered-trials",
            Self::ForeignTrials => "foreign-trials",
            Self::EmptyTell => "empty-tell",
            Self::EmptyAsk => "empty-ask",
            Self::TellsTogether => "tells-together",
            Self::Deterministic => "deterministic",
            Self::Interleaved => "interleaved",
            Self::FollowsSeed => "follows-seed",
            Self::SaveRestore => "save-restore",
            Self::DamagedState => "damaged-state",
            Self::Inform => "inform",
            Self::Exhausted => "exhausted",
            Self::Judge => "judge",
            Self::JudgeApart => "judge-apart",
            Self::Recommend => "recommend",
        }
    }

    /// What the check demands.
    pub fn demand(self) -> &'static str {
        match self {
            Self::InBounds => {
                "every value of a proposal is one of its parameter's: within bounds, on its steps, one value for each parameter"
            }
            Self::Conditions => {
                "a proposal has a value exactly where its parameter is active, and NaN elsewhere"
            }
            Self::Forbidden => "no proposal holds a combination that the space forbids",
            Self::Fidelity => {
                "a proposal's fidelity has a value for each dimension, within its range, whole where only whole ones count"
            }
            Self::Lineage => "a proposal inherits from, or continues, an earlier trial",
            Self::Count => "an ask for n gives at most n proposals, and an ask for none gives none",
            Self::LargeBatch => "an ask for 500 is answered, with at least one proposal",
            Self::Pending => {
                "asks are answered while up to 64 trials are pending, and all can be told afterwards"
            }
            Self::AnyOrder => "trials may be told in any order, one by one or many at a time",
            Self::FailedTrials => {
                "failed trials are told like others; the search goes on, even when all have failed"
            }
            Self::EqualResults => "the search goes on when all results are the same number",
            Self::ExtremeResults => {
                "the search goes on with results as large as 1e300 and as small as -1e300"
            }
            Self::OddResults => {
                "a result of NaN or infinity, which no host sends, is refused with an error or left out: no panic, and the search goes on"
            }
            Self::WrongInput => {
                "an observation of the wrong shape is refused with an error or left out, without a panic"
            }
            Self::FilteredTrials => {
                "a proposal that was filtered out is neither pending nor ever told; the search goes on"
            }
            Self::ForeignTrials => {
                "trials that the strategy did not propose may be pending and told: a warm start's"
            }
            Self::EmptyTell => "telling no trials changes nothing",
            Self::EmptyAsk => "an ask for none changes nothing",
            Self::TellsTogether => {
                "trials that are told together come to the same as trials that are told one by one"
            }
            Self::Deterministic => {
                "the same seed and the same tells give the same asks, in a fresh instance too: a run resumes by replaying its trials"
            }
            Self::Interleaved => "another instance at work at the same time changes nothing",
            Self::FollowsSeed => "another seed gives other proposals, unless declared with `ignores_seed`",
            Self::SaveRestore => {
                "an instance that restores a saved state proposes what the saved one proposes"
            }
            Self::DamagedState => "a saved state that was cut short is refused with an error",
            Self::Inform => {
                "prior knowledge is taken in before the first ask, be it empty or not, and used where that is declared"
            }
            Self::Exhausted => "a strategy that has nothing left to propose stays at that",
            Self::Judge => "every reported point of a learning curve gets a verdict",
            Self::JudgeApart => {
                "what is judged does not change what is proposed: a run that resumes is not shown its curves again"
            }
            Self::Recommend => "a recommended trial is one that was told with a result",
        }
    }

    fn body<F: Make>(self) -> fn(&StrategySubject<F>) -> Result<(), Trouble> {
        match self {
            Self::InBounds => |subject| checks::obeys(subject, Rule::Bounds),
            Self::Conditions => |subject| checks::obeys(subject, Rule::Conditions),
            Self::Forbidden => |subject| checks::obeys(subject, Rule::Forbidden),
            Self::Fidelity => |subject| checks::obeys(subject, Rule::Fidelity),
            Self::Lineage => |subject| checks::obeys(subject, Rule::Lineage),
            Self::Count => checks::count,
            Self::LargeBatch => checks::large_batch,
            Self::Pending => checks::pending,
            Self::AnyOrder => checks::any_order,
            Self::FailedTrials => checks::failed_trials,
            Self::EqualResults => checks::equal_results,
            Self::ExtremeResults => checks::extreme_results,
            Self::OddResults => checks::odd_results,
            Self::WrongInput => checks::wrong_input,
            Self::FilteredTrials => checks::filtered_trials,
            Self::ForeignTrials => checks::foreign_trials,
            Self::EmptyTell => checks::empty_tell,
            Self::EmptyAsk => checks::empty_ask,
            Self::TellsTogether => checks::tells_together,
            Self::Deterministic => checks::deterministic,
            Self::Interleaved => checks::interleaved,
            Self::FollowsSeed => checks::follows_seed,
            Self::SaveRestore => checks::save_restore,
            Self::DamagedState => checks::damaged_state,
            Self::Inform => checks::inform,
            Self::Exhausted => checks::exhausted,
            Self::Judge => checks::judge,
            Self::JudgeApart => checks::judge_apart,
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
    seed: u64,
}

impl<F> StrategySubject<F> {
    pub(crate) fn new(make: F) -> Self {
        Self { make, ignores_seed: false, informs: None, seed: 1 }
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

impl<F> Suite<StrategySubject<F>> {
    /// The number from which the checks' seeds follow; 1 by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
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
