//! A small engine: asks a strategy as the real one does, checks every proposal, and ends trials in a chosen order.

use std::collections::BTreeSet;

use heirloom_model::{
    AskRequest, ComponentError, Configuration, FailureKind, Fidelity, Observation, PendingTrial, Problem,
    Proposal, ProposalError, Rng, Seed, SpaceError, Strategy, TrialId,
};

/// Why a check did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The component is wrong.
    Failed(String),
    /// The check does not apply to it.
    Skipped(String),
}

impl Trouble {
    pub(crate) fn from_error(doing: &str, error: &ComponentError) -> Self {
        Self::Failed(format!("{doing} gave an error: {error}"))
    }
}

pub(crate) fn failed<T>(message: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Failed(message.into()))
}

/// What a proposal must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Every value is one of its parameter's.
    Bounds,
    /// A value exactly where the parameter is active.
    Conditions,
    /// No forbidden combination.
    Forbidden,
    /// Sizes within their dimensions.
    Fidelity,
    /// What a proposal builds on comes before it.
    Lineage,
    /// Not more than was asked for.
    Count,
}

/// Which rules end a session when they are broken. The others cost the trial, as with the real engine: so that one
/// fault fails one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforced {
    All,
    Only(Rule),
    None,
}

impl Enforced {
    fn includes(self, rule: Rule) -> bool {
        self == Self::All || self == Self::Only(rule)
    }
}

/// A strategy at work on a problem.
pub struct Session<'a> {
    strategy: Box<dyn Strategy>,
    problem: &'a Problem,
    seed: Seed,
    next_trial: u64,
    enforced: Enforced,
    /// Pending trials that break a rule which is not enforced: they fail.
    invalid: BTreeSet<TrialId>,
    /// Proposed and not told, in the order of their numbers.
    pub pending: Vec<PendingTrial>,
    /// Everything that was proposed.
    pub proposals: Vec<Proposal>,
    /// Everything that was told.
    pub observations: Vec<Observation>,
}

impl<'a> Session<'a> {
    /// A session with a fresh strategy.
    pub fn new(strategy: Box<dyn Strategy>, problem: &'a Problem, seed: Seed) -> Self {
        Self {
            strategy,
            problem,
            seed,
            next_trial: 0,
            enforced: Enforced::All,
            invalid: BTreeSet::new(),
            pending: Vec::new(),
            proposals: Vec::new(),
            observations: Vec::new(),
        }
    }

    /// Changes which rules end the session; all by default.
    pub(crate) fn enforce(&mut self, enforced: Enforced) {
        self.enforced = enforced;
    }

    /// Goes on with another instance.
    pub(crate) fn replace(&mut self, strategy: Box<dyn Strategy>) {
        self.strategy = strategy;
    }

    /// The strategy.
    pub fn strategy(&mut self) -> &mut dyn Strategy {
        self.strategy.as_mut()
    }

    /// Asks for `n` proposals; they are pending then. Fails when one is not a point of the problem or there are
    /// more than `n`.
    pub fn ask(&mut self, n: usize) -> Result<Vec<TrialId>, Trouble> {
        let request =
            AskRequest { n, first_trial: TrialId(self.next_trial), pending: &self.pending, seed: self.seed };
        let proposals = self.strategy.ask(&request).map_err(|error| Trouble::from_error("`ask`", &error))?;
        if proposals.len() > n && self.enforced.includes(Rule::Count) {
            return Err(Trouble::Failed(format!("`ask` for {n} gave {} proposals", proposals.len())));
        }
        let mut ids = Vec::with_capacity(proposals.len());
        for proposal in proposals.into_iter().take(n) {
            let id = TrialId(self.next_trial);
            if let Err(error) = self.problem.check(&proposal, id) {
                if self.enforced.includes(broken_rule(&error)) {
                    let space = self.problem.space.name();
                    return Err(Trouble::Failed(format!(
                        "on the space `{space}`, the proposal for trial {id} is no point of the problem: {error}"
                    )));
                }
                self.invalid.insert(id);
            }
            self.next_trial += 1;
            self.pending.push(PendingTrial {
                id,
                configuration: proposal.configuration.clone(),
                fidelity: proposal.fidelity.clone(),
            });
            self.proposals.push(proposal);
            ids.push(id);
        }
        Ok(ids)
    }

    /// Ends the pending trial at `position` with the result that `measure` gives it, and tells the strategy.
    pub fn finish(
        &mut self,
        position: usize,
        measure: impl FnOnce(&Configuration, &Fidelity) -> Result<Vec<f64>, FailureKind>,
    ) -> Result<(), Trouble> {
        let trial = self.pending.remove(position);
        let observation = self.observe(trial, measure);
        self.tell(vec![observation])
    }

    /// What a trial that is pending no more has come to: what `measure` gives, or a failure where it is no point of
    /// the problem.
    pub(crate) fn observe(
        &mut self,
        trial: PendingTrial,
        measure: impl FnOnce(&Configuration, &Fidelity) -> Result<Vec<f64>, FailureKind>,
    ) -> Observation {
        let result = match self.invalid.remove(&trial.id) {
            true => Err(FailureKind::Rejected),
            false => measure(&trial.configuration, &trial.fidelity),
        };
        let PendingTrial { id, configuration, fidelity } = trial;
        Observation { trial: id, configuration, fidelity, result, cost_seconds: 1.0 }
    }

    /// The objectives of a pending trial; zeros where it is no point of the problem or fails.
    pub(crate) fn measure(
        &self,
        trial: &PendingTrial,
        measure: impl FnOnce(&Configuration, &Fidelity) -> Result<Vec<f64>, FailureKind>,
    ) -> Vec<f64> {
        let measured = match self.invalid.contains(&trial.id) {
            true => Err(FailureKind::Rejected),
            false => measure(&trial.configuration, &trial.fidelity),
        };
        measured.unwrap_or_else(|_| vec![0.0; self.problem.objectives.len()])
    }

    /// Tells the strategy of trials.
    pub fn tell(&mut self, observations: Vec<Observation>) -> Result<(), Trouble> {
        self.strategy.tell(&observations).map_err(|error| Trouble::from_error("`tell`", &error))?;
        self.observations.extend(observations);
        Ok(())
    }

    /// A trial that the strategy did not propose, as a warm start's are: it takes the next number.
    pub fn foreign_trial(&mut self, configuration: Configuration) -> PendingTrial {
        let id = TrialId(self.next_trial);
        self.next_trial += 1;
        PendingTrial { id, configuration, fidelity: self.problem.full_fidelity() }
    }

    /// Leaves out the numbers of `n` trials, which another instance had.
    pub(crate) fn skip_trials(&mut self, n: usize) {
        self.next_trial += n as u64;
    }

    /// Forgets a pending trial, as when a proxy filters it out.
    pub fn drop_trial(&mut self, position: usize) {
        self.pending.remove(position);
    }

    /// Searches until `n_trials` were told, with `n_workers` trials running at a time that end in a random
    /// order; earlier when the strategy has nothing left to propose.
    pub fn run(
        &mut self,
        n_trials: usize,
        n_workers: usize,
        measure: impl Fn(&Configuration, &Fidelity) -> Result<Vec<f64>, FailureKind>,
    ) -> Result<(), Trouble> {
        let mut order = self.order();
        let n_end = self.observations.len() + n_trials;
        while self.step(n_end, n_workers, &measure, &mut order)? {}
        Ok(())
    }

    /// [`run`](Self::run) with `other` at the same work in between.
    pub(crate) fn run_beside(
        &mut self,
        other: &mut Session<'_>,
        n_trials: usize,
        n_workers: usize,
        measure: impl Fn(&Configuration, &Fidelity) -> Result<Vec<f64>, FailureKind>,
    ) -> Result<(), Trouble> {
        let (mut order, mut other_order) = (self.order(), other.order());
        let n_end = self.observations.len() + n_trials;
        while self.step(n_end, n_workers, &measure, &mut order)? {
            other.step(usize::MAX, n_workers, &measure, &mut other_order)?;
        }
        Ok(())
    }

    fn order(&self) -> Rng {
        self.seed.derive("order", self.next_trial).rng()
    }

    /// Fills the workers and ends one trial, unless `n_end` were told; whether there was one.
    fn step(
        &mut self,
        n_end: usize,
        n_workers: usize,
        measure: impl Fn(&Configuration, &Fidelity) -> Result<Vec<f64>, FailureKind>,
        order: &mut Rng,
    ) -> Result<bool, Trouble> {
        let n_left = n_end.saturating_sub(self.observations.len());
        let n_free = n_workers.min(n_left).saturating_sub(self.pending.len());
        if n_free > 0 {
            self.ask(n_free)?;
        }
        if n_left == 0 || self.pending.is_empty() {
            return Ok(false);
        }
        self.finish(order.below(self.pending.len()), measure)?;
        Ok(true)
    }

    /// The least first objective so far.
    pub fn best(&self) -> Option<f64> {
        self.observations.iter().filter_map(Observation::objective).min_by(f64::total_cmp)
    }
}

/// The rule that a proposal breaks.
fn broken_rule(error: &ProposalError) -> Rule {
    match error {
        ProposalError::Configuration(SpaceError::MissingValue { .. } | SpaceError::InactiveValue { .. }) => {
            Rule::Conditions
        }
        ProposalError::Configuration(
            SpaceError::Forbidden { .. } | SpaceError::ForbiddenArchitecture { .. },
        ) => Rule::Forbidden,
        ProposalError::Configuration(_) => Rule::Bounds,
        ProposalError::FidelityLength { .. }
        | ProposalError::FidelityOutside { .. }
        | ProposalError::FidelityNotWhole { .. } => Rule::Fidelity,
        ProposalError::Lineage { .. } => Rule::Lineage,
    }
}
