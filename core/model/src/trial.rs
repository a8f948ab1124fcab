//! A trial's life in types: a [`Proposal`] becomes a [`PendingTrial`], is evaluated to an [`Outcome`] or a
//! [`Failure`], and is told to the strategy as an [`Observation`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Configuration, Fidelity};

/// A trial's number within its run, counted from 0 in the order of proposals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrialId(pub u64);

impl std::fmt::Display for TrialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a strategy wants evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The configuration.
    pub configuration: Configuration,
    /// The size of the evaluation.
    pub fidelity: Fidelity,
    /// The trial whose weights an estimator may inherit, where it is asked to.
    pub parent: Option<TrialId>,
    /// The trial that is trained further: same configuration, higher fidelity.
    pub continues: Option<TrialId>,
}

impl Proposal {
    /// A proposal that inherits nothing and continues nothing.
    #[inline]
    pub fn new(configuration: Configuration, fidelity: Fidelity) -> Self {
        Self { configuration, fidelity, parent: None, continues: None }
    }
}

/// A trial whose result is not known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingTrial {
    /// Its number.
    pub id: TrialId,
    /// The configuration under evaluation.
    pub configuration: Configuration,
    /// The size of the evaluation.
    pub fidelity: Fidelity,
}

/// One point of a learning curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// How far the evaluation has come: a value of the problem's first fidelity dimension, or the count of
    /// reports where there is none.
    pub step: f64,
    /// The objectives there, minimised, `[n_objectives]`.
    pub objectives: Vec<f64>,
    /// Seconds spent since the evaluation began (simulated where the estimator simulates).
    pub cost_seconds: f64,
}

/// What the host answers to a [`CurvePoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Train on.
    Continue,
    /// End here; what was measured so far is the result.
    Stop,
    /// End here, keep the weights: a later proposal may continue the trial.
    Pause,
}

/// What a finished evaluation measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The objectives, minimised and finite, `[n_objectives]`.
    pub objectives: Vec<f64>,
    /// Seconds the evaluation cost (simulated where the estimator simulates).
    pub cost_seconds: f64,
    /// The learning curve, by ascending step; empty where there is none.
    pub curve: Vec<CurvePoint>,
    /// Whatever else was measured, in its own unit and direction: test accuracy, parameters, latency.
    pub metrics: BTreeMap<String, f64>,
    /// Whether the evaluation was ended early by a verdict.
    pub stopped: bool,
}

impl Outcome {
    /// An outcome without curve and further metrics.
    pub fn new(objectives: Vec<f64>, cost_seconds: f64) -> Self {
        Self { objectives, cost_seconds, curve: Vec::new(), metrics: BTreeMap::new(), stopped: false }
    }
}

/// Why an evaluation has no result.
#[derive(Debug, Clone, PartialEq, Error, Serialize, Deserialize)]
#[error("{kind}: {message}")]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// What happened.
    pub message: String,
    /// Seconds spent before it failed.
    pub cost_seconds: f64,
}

impl Failure {
    /// A failure that cost nothing worth counting.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cost_seconds: 0.0 }
    }
}

/// Seconds that an evaluation cost, however it ended.
pub fn cost_seconds(result: &Result<Outcome, Failure>) -> f64 {
    match result {
        Ok(outcome) => outcome.cost_seconds,
        Err(failure) => failure.cost_seconds,
    }
}

/// The kinds of [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// More memory was wanted than there was or than was allowed.
    OutOfMemory,
    /// A measured number was not finite.
    Diverged,
    /// The time limit ran out.
    TimedOut,
    /// The estimator panicked, exited, or its process was killed.
    Crashed,
    /// The estimator refused the configuration.
    Rejected,
    /// The run was told to end before the evaluation did; the trial stays pending.
    Cancelled,
    /// A proxy ranked it below the cut: it was not evaluated, and the strategy is not told.
    Filtered,
}

impl FailureKind {
    /// All kinds, in the order of their [`code`](Self::code)s.
    pub const ALL: [Self; 7] = [
        Self::OutOfMemory,
        Self::Diverged,
        Self::TimedOut,
        Self::Crashed,
        Self::Rejected,
        Self::Cancelled,
        Self::Filtered,
    ];

    /// The number that stands for the kind where numbers are stored; never reused.
    pub fn code(self) -> u8 {
        match self {
            Self::OutOfMemory => 1,
            Self::Diverged => 2,
            Self::TimedOut => 3,
            Self::Crashed => 4,
            Self::Rejected => 5,
            Self::Cancelled => 6,
            Self::Filtered => 7,
        }
    }

    /// The kind with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The kind's name in run files, archives and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfMemory => "out-of-memory",
            Self::Diverged => "diverged",
            Self::TimedOut => "timed-out",
            Self::Crashed => "crashed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Filtered => "filtered",
        }
    }
}

impl std::fmt::Display for FailureKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A trial that has ended, as a strategy is told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The trial's number.
    pub trial: TrialId,
    /// What was evaluated.
    pub configuration: Configuration,
    /// The size of the evaluation.
    pub fidelity: Fidelity,
    /// The objectives, minimised and finite, `[n_objectives]`; or why there are none.
    pub result: Result<Vec<f64>, FailureKind>,
    /// Seconds the evaluation cost.
    pub cost_seconds: f64,
}

impl Observation {
    /// What became of a proposal.
    pub fn of(trial: TrialId, proposal: &Proposal, result: &Result<Outcome, Failure>) -> Self {
        let objectives = result.as_ref().map(|outcome| outcome.objectives.clone());
        Self {
            trial,
            configuration: proposal.configuration.clone(),
            fidelity: proposal.fidelity.clone(),
            result: objectives.map_err(|failure| failure.kind),
            cost_seconds: cost_seconds(result),
        }
    }

    /// The first objective, where the evaluation succeeded.
    pub fn objective(&self) -> Option<f64> {
        self.result.as_ref().ok().and_then(|objectives| objectives.first()).copied()
    }
}
