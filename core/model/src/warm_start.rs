//! The trait of what brings past runs into a new one.

use serde::{Deserialize, Serialize};

use crate::{AskRequest, ComponentError, Observation, PriorKnowledge, Proposal};

/// A proposal that comes from past tasks, with its pedigree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferredProposal {
    /// What to evaluate.
    pub proposal: Proposal,
    /// Which past tasks spoke for it, the strongest first.
    pub sources: Vec<TransferSource>,
}

/// One past task's part in a transferred proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferSource {
    /// The past task's key in the archive.
    pub task: String,
    /// Its share in the choice; shares of a proposal sum to 1.
    pub weight: f64,
    /// Where the configuration stood (or is predicted to stand) on that task: 0 the best, 1 the worst.
    pub expected_rank: f64,
}

/// Starts a search from what past runs teach, and withdraws where that does not help.
///
/// What it proposes is a function of the knowledge it was made with, the run's seed and its tells, so that a run
/// resumes by telling it again what was told.
pub trait WarmStart: Send {
    /// What the strategy shall believe before its first trial (`inform`); `None` where the mode does not inform.
    fn knowledge(&mut self) -> Result<Option<PriorKnowledge>, ComponentError>;

    /// The transferred proposals among the next `request.n` trials, at most `request.n`; the strategy gives the
    /// rest. An answer of none is a withdrawal for this request alone.
    fn propose(&mut self, request: &AskRequest<'_>) -> Result<Vec<TransferredProposal>, ComponentError>;

    /// Learns what became of trials; `transferred[i]` says whether observation `i` was a transferred proposal.
    fn tell(&mut self, observations: &[Observation], transferred: &[bool]) -> Result<(), ComponentError>;

    /// What each past task contributed and whether it helped, so far.
    fn report(&self) -> WarmStartReport;
}

/// What a warm start leaned on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WarmStartReport {
    /// The past tasks, the nearest first.
    pub tasks: Vec<TaskInfluence>,
    /// The share of further trials that would be transferred now, `0..=1`.
    pub transfer_share: f64,
    /// Sentences for people: what was decided and why.
    pub notes: Vec<String>,
}

/// One past task's influence on a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskInfluence {
    /// The task's key in the archive.
    pub task: String,
    /// Its weight before any trial, from meta-features alone; weights of all tasks sum to 1.
    pub prior_weight: f64,
    /// Its weight now, corrected by rank agreement.
    pub weight: f64,
    /// Rank agreement with the new task over its trials so far (Kendall's tau, −1 to 1), where there are enough.
    pub rank_agreement: Option<f64>,
    /// How many recorded evaluations it brought.
    pub n_evaluations: usize,
}
