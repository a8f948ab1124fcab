//! Recorded events back into a fresh strategy.

use std::collections::BTreeMap;

use heirloom_model::{Event, Failure, FailureKind, Origin, Outcome, Proposal, RecordError, TrialId};

use crate::run::{EngineError, Loop};

/// A recorded trial's end that the strategy may not have been told of.
type Ends = BTreeMap<TrialId, (u32, Result<Outcome, Failure>)>;

/// Brings the loop to the state that `history` describes. Returns the recorded ends that were not told yet, and
/// whether there was any history.
pub(crate) fn replay(
    run: &mut Loop<'_>,
    history: impl IntoIterator<Item = Result<Event, RecordError>>,
) -> Result<(Ends, bool), EngineError> {
    let mut ends = Ends::new();
    let mut asked = Asked::default();
    let mut has_history = false;
    for event in history {
        has_history = true;
        let event = event.map_err(EngineError::History)?;
        if let Event::Proposed { trial, proposal, origin: Origin::Strategy { ask, n }, .. } = event {
            if asked.number != Some(ask) {
                asked.again(run)?;
                asked = Asked { number: Some(ask), n, proposals: Vec::new() };
            }
            asked.proposals.push((trial, proposal));
            continue;
        }
        asked.again(run)?;
        match event {
            Event::Proposed { trial, proposal, .. } => reopen(run, trial, &proposal, true)?,
            Event::Started { trial, attempt } => {
                if let Some(pending) = run.ledger.pending.get_mut(&trial) {
                    pending.attempts = pending.attempts.max(attempt);
                }
            }
            Event::Reported { .. } => {}
            Event::Finished { trial, attempt, result, .. } => {
                match result.as_ref().err().map(|failure| failure.kind) {
                    Some(FailureKind::Filtered) => run.ledger.filter(trial),
                    Some(FailureKind::Cancelled) => {
                        let pending = run.ledger.pending.get_mut(&trial);
                        pending.ok_or(EngineError::BrokenHistory { trial })?.cancelled += 1;
                    }
                    _ => {
                        ends.insert(trial, (attempt, result));
                    }
                }
            }
            Event::Told { trial } => {
                let broken = || EngineError::BrokenHistory { trial };
                let (_, result) = ends.remove(&trial).ok_or_else(broken)?;
                let observation = run.observation(trial, &result).ok_or_else(broken)?;
                run.tell(vec![observation]).map_err(EngineError::Strategy)?;
            }
        }
    }
    asked.again(run)?;
    Ok((ends, has_history))
}

/// The recorded proposals of one ask, as far as they were read.
#[derive(Default)]
struct Asked {
    /// Which ask; `None` where there is nothing to ask again.
    number: Option<u64>,
    /// How many proposals were wanted.
    n: usize,
    proposals: Vec<(TrialId, Proposal)>,
}

impl Asked {
    /// Asks the strategy once more, compares, and leaves nothing.
    fn again(&mut self, run: &mut Loop<'_>) -> Result<(), EngineError> {
        let Self { number: Some(_), n, proposals: recorded } = std::mem::take(self) else { return Ok(()) };
        let first_trial = run.ledger.next_trial;
        let proposals = run.ask_strategy(n).map_err(EngineError::Strategy)?;
        if proposals.len() != recorded.len() {
            return Err(EngineError::ReplayMismatch { trial: first_trial });
        }
        for ((trial, recorded), proposal) in recorded.iter().zip(&proposals) {
            if recorded != proposal {
                return Err(EngineError::ReplayMismatch { trial: *trial });
            }
            reopen(run, *trial, recorded, false)?;
        }
        run.ledger.n_asks += 1;
        Ok(())
    }
}

fn reopen(
    run: &mut Loop<'_>,
    trial: TrialId,
    proposal: &Proposal,
    transferred: bool,
) -> Result<(), EngineError> {
    if run.ledger.open(proposal, transferred, true) == trial {
        Ok(())
    } else {
        Err(EngineError::BrokenHistory { trial })
    }
}
