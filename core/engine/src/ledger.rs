//! What a run knows about its trials: which are pending, what was spent, which is the incumbent.

use std::collections::BTreeMap;

use heirloom_model::{Fidelity, Observation, Proposal, TrialId};
use serde::{Deserialize, Serialize};

/// The best trial so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incumbent {
    /// The trial.
    pub trial: TrialId,
    /// Its objectives, minimised, `[n_objectives]`.
    pub objectives: Vec<f64>,
    /// The size of its evaluation.
    pub fidelity: Fidelity,
}

/// Whether a trial takes the place of the best one: at a larger fidelity always, at the same by its objective
/// (minimised). A small evaluation says little about a full one.
pub fn beats((fidelity, objective): (&Fidelity, f64), best: (&Fidelity, f64)) -> bool {
    match fidelity.size().total_cmp(&best.0.size()) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => objective < best.1,
    }
}

/// Trials between proposal and tell, and sums over those told.
pub(crate) struct Ledger {
    /// Proposed, not told.
    pub(crate) pending: BTreeMap<TrialId, Pending>,
    /// The number that the next trial gets.
    pub(crate) next_trial: TrialId,
    /// How many asks the strategy has answered with proposals.
    pub(crate) n_asks: u64,
    /// Trials that count against the budget: all but filtered ones.
    pub(crate) n_trials: u64,
    /// Of those, the ones told.
    pub(crate) n_told: u64,
    /// Of those, the ones that failed.
    pub(crate) n_failed: u64,
    /// Cost of told trials, seconds.
    pub(crate) cost_seconds: f64,
    pub(crate) incumbent: Option<Incumbent>,
}

/// A trial that has not been told.
pub(crate) struct Pending {
    pub(crate) proposal: Proposal,
    pub(crate) transferred: bool,
    /// Attempts made at it so far.
    pub(crate) attempts: u32,
    /// Of those, the ones that a person cancelled; the others ended with their host.
    pub(crate) cancelled: u32,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            pending: BTreeMap::new(),
            next_trial: TrialId(0),
            n_asks: 0,
            n_trials: 0,
            n_told: 0,
            n_failed: 0,
            cost_seconds: 0.0,
            incumbent: None,
        }
    }

    /// Gives a proposal its number. One that is `alive` will be evaluated and told; another was filtered out.
    pub(crate) fn open(&mut self, proposal: &Proposal, transferred: bool, alive: bool) -> TrialId {
        let trial = self.next_trial;
        self.next_trial = TrialId(trial.0 + 1);
        if alive {
            self.n_trials += 1;
            self.pending.insert(
                trial,
                Pending { proposal: proposal.clone(), transferred, attempts: 0, cancelled: 0 },
            );
        }
        trial
    }

    /// Takes back a trial that was filtered out.
    pub(crate) fn filter(&mut self, trial: TrialId) {
        if self.pending.remove(&trial).is_some() {
            self.n_trials -= 1;
        }
    }

    /// Takes a told trial out and counts it. Returns whether it had been transferred.
    pub(crate) fn close(&mut self, observation: &Observation) -> bool {
        let transferred = self.pending.remove(&observation.trial).is_some_and(|pending| pending.transferred);
        self.n_told += 1;
        self.cost_seconds += observation.cost_seconds;
        match &observation.result {
            Err(_) => self.n_failed += 1,
            Ok(objectives) if self.improves(objectives, &observation.fidelity) => {
                self.incumbent = Some(Incumbent {
                    trial: observation.trial,
                    objectives: objectives.clone(),
                    fidelity: observation.fidelity.clone(),
                });
            }
            Ok(_) => {}
        }
        transferred
    }

    fn improves(&self, objectives: &[f64], fidelity: &Fidelity) -> bool {
        let is_beaten =
            |best: &Incumbent| beats((fidelity, objectives[0]), (&best.fidelity, best.objectives[0]));
        self.incumbent.as_ref().is_none_or(is_beaten)
    }
}
