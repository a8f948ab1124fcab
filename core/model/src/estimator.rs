//! The trait of what measures a configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    Configuration, CurvePoint, Failure, Fidelity, FidelityDimension, Objective, Outcome, Seed, SpaceSpec,
    TrialId, Verdict,
};

/// What an estimator says of itself before the first evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimatorInfo {
    /// What it measures; the run file may choose and order among them.
    pub objectives: Vec<Objective>,
    /// The dimensions of an evaluation's size that it understands.
    pub fidelities: Vec<FidelityDimension>,
    /// The space it knows, where it has one of its own (a recorded table); else the run file gives the space.
    pub space: Option<SpaceSpec>,
    /// Whether cost is simulated: seconds reported, not spent.
    pub simulated_cost: bool,
}

/// What one evaluation may use.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Wall seconds.
    pub seconds: Option<f64>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
}

/// One trial to evaluate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRequest {
    /// The trial's number.
    pub trial: TrialId,
    /// Which try at the trial this is, from 1.
    pub attempt: u32,
    /// What to evaluate.
    pub configuration: Configuration,
    /// How large.
    pub fidelity: Fidelity,
    /// The trial whose weights are inherited.
    pub parent: Option<TrialId>,
    /// The trial that is trained further.
    pub continues: Option<TrialId>,
    /// The evaluation's seed: the same for every attempt at the trial.
    pub seed: Seed,
    /// What it may use.
    pub limits: Limits,
    /// How many threads it may use.
    pub threads: usize,
    /// Where the run keeps the files of its trials, such as weights and checkpoints; `None`: nothing is kept.
    ///
    /// The same for every trial of a run, also after it was resumed, and absolute. The estimator makes the folder when
    /// it has something to keep, and in it a folder `trial-N` for each such trial.
    pub folder: Option<PathBuf>,
}

/// The evaluation's line to the host. Calls may come from any thread.
pub trait Reporter: Sync {
    /// Reports a new point of a trial's learning curve; the answer says whether to train on.
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict;

    /// Whether the evaluation shall end as soon as it can, with [`FailureKind::Cancelled`](crate::FailureKind).
    fn cancelled(&self) -> bool;
}

/// Measures configurations.
///
/// `evaluate` may be called from several threads at once. An evaluation that goes wrong is a [`Failure`] of its
/// trial, never an invented number.
pub trait Estimator: Send + Sync {
    /// What this estimator measures.
    fn info(&self) -> EstimatorInfo;

    /// Evaluates trials; one result each, in their order.
    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>>;
}
