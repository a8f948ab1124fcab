//! A small engine: asks a strategy as the real one does, checks every proposal, and ends trials in a chosen order.

use heirloom_model::{
    AskRequest, ComponentError, Configuration, FailureKind, Fidelity, Observation, PendingTrial, Problem,
    Proposal, Seed, Strategy, TrialId,
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

/// A strategy at work on a problem.
pub struct Session<'a> {
    strategy: Box<dyn Strategy>,
    problem: &'a Problem,
    seed: Seed,
    next_trial: u64,
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
            pending: Vec::new(),
            proposals: Vec::new(),
            observations: Vec::new(),
        }
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
        if proposals.len() > n {
            return Err(Trouble::Failed(format!("`ask` for {n} gave {} proposals", proposals.len())));
        }
        let mut ids = Vec::with_capacity(proposals.len());
        for proposal in proposals {
            let id = TrialId(self.next_trial);
            check_proposal(self.problem, &proposal, id)?;
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
        let observation = Observation {
            trial: trial.id,
            result: measure(&trial.configuration, &trial.fidelity),
            configuration: trial.configuration,
            fidelity: trial.fidelity,
            cost_seconds: 1.0,
        };
        self.tell(vec![observation])
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
        let mut order = self.seed.derive("order", self.next_trial).rng();
        let n_end = self.observations.len() + n_trials;
        while self.observations.len() < n_end {
            let n_left = n_end - self.observations.len();
            let n_free = n_workers.min(n_left).saturating_sub(self.pending.len());
            if n_free > 0 {
                self.ask(n_free)?;
            }
            if self.pending.is_empty() {
                return Ok(());
            }
            self.finish(order.below(self.pending.len()), &measure)?;
        }
        Ok(())
    }

    /// The least first objective so far.
    pub fn best(&self) -> Option<f64> {
        self.observations.iter().filter_map(Observation::objective).min_by(f64::total_cmp)
    }
}

fn check_proposal(problem: &Problem, proposal: &Proposal, id: TrialId) -> Result<(), Trouble> {
    let Problem { space, fidelities, .. } = problem;
    let wrong = |what: String| Err(Trouble::Failed(format!("on the space `{}`, {what}", space.name())));
    if let Err(error) = space.check(&proposal.configuration) {
        return wrong(format!("a proposed configuration is no point: {error}"));
    }
    let sizes = &proposal.fidelity.0;
    if sizes.len() != fidelities.len() {
        return wrong(format!("a fidelity of {} values was proposed for {}", sizes.len(), fidelities.len()));
    }
    for (dimension, &size) in fidelities.iter().zip(sizes) {
        if !(dimension.low..=dimension.high).contains(&size) || dimension.integer && size.fract() != 0.0 {
            return wrong(format!("`{}` was proposed at {size}", dimension.name));
        }
    }
    match proposal.parent.into_iter().chain(proposal.continues).find(|&earlier| earlier >= id) {
        Some(later) => wrong(format!("trial {id} builds on trial {later}, which is not before it")),
        None => Ok(()),
    }
}
