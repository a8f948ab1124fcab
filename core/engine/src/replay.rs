//! Recorded events back into a fresh strategy.

use std::collections::{BTreeMap, HashSet};

use heirloom_model::{Event, Failure, FailureKind, Origin, Outcome, Proposal, TrialId};

use crate::run::{EngineError, Loop};

/// A recorded trial's end that the strategy may not have been told of.
type Ends = BTreeMap<TrialId, (u32, Result<Outcome, Failure>)>;

/// Brings the loop to the state that `history` describes. Returns the recorded ends that were not told yet.
pub(crate) fn replay(run: &mut Loop<'_>, history: &[Event]) -> Result<Ends, EngineError> {
    let filtered: HashSet<TrialId> = history.iter().filter_map(filtered_trial).collect();
    let mut ends = Ends::new();
    let mut rest = history;
    while let Some((event, after)) = rest.split_first() {
        rest = after;
        match event {
            Event::Proposed { trial, proposal, origin, .. } => match origin {
                Origin::WarmStart { .. } => reopen(run, *trial, proposal, true, true)?,
                Origin::Strategy { ask, n } => {
                    let group = ask_group(event, rest, *ask);
                    rest = &rest[group.len() - 1..];
                    ask_again(run, &filtered, &group, *n)?;
                }
            },
            Event::Started { trial, attempt } => {
                if let Some(pending) = run.ledger.pending.get_mut(trial) {
                    pending.attempts = pending.attempts.max(*attempt);
                }
            }
            Event::Reported { .. } => {}
            Event::Finished { trial, attempt, result, .. } => {
                match result.as_ref().err().map(|failure| failure.kind) {
                    Some(FailureKind::Filtered) => {}
                    Some(FailureKind::Cancelled) => {
                        let pending = run.ledger.pending.get_mut(trial);
                        pending.ok_or(EngineError::BrokenHistory { trial: *trial })?.cancelled += 1;
                    }
                    _ => {
                        ends.insert(*trial, (*attempt, result.clone()));
                    }
                }
            }
            Event::Told { trial } => {
                let broken = || EngineError::BrokenHistory { trial: *trial };
                let (_, result) = ends.remove(trial).ok_or_else(broken)?;
                let observation = run.observation(*trial, &result).ok_or_else(broken)?;
                run.tell(vec![observation]).map_err(EngineError::Strategy)?;
            }
        }
    }
    Ok(ends)
}

fn filtered_trial(event: &Event) -> Option<TrialId> {
    match event {
        Event::Finished { trial, result: Err(failure), .. } if failure.kind == FailureKind::Filtered => {
            Some(*trial)
        }
        _ => None,
    }
}

/// The proposals of one ask: the event at hand and those that follow it with the same ask number.
fn ask_group<'a>(first: &'a Event, rest: &'a [Event], ask: u64) -> Vec<(TrialId, &'a Proposal)> {
    std::iter::once(first)
        .chain(rest)
        .map_while(|event| match event {
            Event::Proposed { trial, proposal, origin: Origin::Strategy { ask: other, .. }, .. }
                if *other == ask =>
            {
                Some((*trial, proposal))
            }
            _ => None,
        })
        .collect()
}

fn ask_again(
    run: &mut Loop<'_>,
    filtered: &HashSet<TrialId>,
    group: &[(TrialId, &Proposal)],
    n: usize,
) -> Result<(), EngineError> {
    let first_trial = run.ledger.next_trial;
    let proposals = run.ask_strategy(n).map_err(EngineError::Strategy)?;
    if proposals.len() != group.len() {
        return Err(EngineError::ReplayMismatch { trial: first_trial });
    }
    for (&(trial, recorded), proposal) in group.iter().zip(&proposals) {
        if recorded != proposal {
            return Err(EngineError::ReplayMismatch { trial });
        }
        reopen(run, trial, recorded, false, !filtered.contains(&trial))?;
    }
    run.ledger.n_asks += 1;
    Ok(())
}

fn reopen(
    run: &mut Loop<'_>,
    trial: TrialId,
    proposal: &Proposal,
    transferred: bool,
    alive: bool,
) -> Result<(), EngineError> {
    if run.ledger.open(proposal, transferred, alive) == trial {
        Ok(())
    } else {
        Err(EngineError::BrokenHistory { trial })
    }
}
