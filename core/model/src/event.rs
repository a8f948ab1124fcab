//! What happens in a run, in the order in which it happens: what the archive records, the progress display shows
//! and a resumed run replays.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{CurvePoint, Failure, Outcome, Proposal, TransferSource, TrialId};

/// Who proposed a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Origin {
    /// The strategy, in its ask number `ask` (from 0) of this run, which wanted `n` proposals.
    Strategy {
        /// Which ask.
        ask: u64,
        /// How many proposals were wanted in it.
        n: usize,
    },
    /// The warm start.
    WarmStart {
        /// The past tasks that spoke for it.
        sources: Vec<TransferSource>,
    },
}

/// One step of a run.
///
/// `Proposed` and `Told` stand in the order in which the strategy was called: replaying them brings a fresh
/// strategy to the same state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A trial came to be. Trials of one ask follow one another.
    Proposed {
        /// The new trial.
        trial: TrialId,
        /// What is to be evaluated.
        proposal: Proposal,
        /// Who proposed it.
        origin: Origin,
        /// The proxies' scores, by proxy name, where any were asked.
        scores: Vec<(String, f64)>,
    },
    /// An attempt at a trial began.
    Started {
        /// The trial.
        trial: TrialId,
        /// Which try, from 1.
        attempt: u32,
    },
    /// A running trial reported a point of its learning curve.
    Reported {
        /// The trial.
        trial: TrialId,
        /// Which try.
        attempt: u32,
        /// The point.
        point: CurvePoint,
    },
    /// An attempt ended. A trial that was cancelled stays pending.
    Finished {
        /// The trial.
        trial: TrialId,
        /// Which try.
        attempt: u32,
        /// What became of it.
        result: Result<Outcome, Failure>,
        /// Wall seconds it took.
        wall_seconds: f64,
    },
    /// The strategy was told of a finished trial.
    Told {
        /// The trial.
        trial: TrialId,
    },
}

/// Why an event could not be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct RecordError {
    /// What happened, with a remedy.
    pub message: String,
}

/// Keeps events.
pub trait Recorder: Send {
    /// Keeps a batch of events, in their order, all or none. When it returns, they are durable.
    fn record(&mut self, events: &[Event]) -> Result<(), RecordError>;
}
