//! Whether memory grows with what a component does.

use std::time::{Duration, Instant};

use heirloom_model::{AskRequest, FailureKind, Observation, Proposal, Seed, TrialId};

use super::held;
use crate::loaded::{Ground, Loaded, Silent, trouble};
use crate::session::failed;
use crate::{Trouble, problems};

/// Asks over which memory is watched.
const N_ASKS: u64 = 100_000;

/// How long a component is watched, if it has done [`N_ENOUGH`] by then, and how long at most.
const WATCH_SECONDS: f64 = 1.5;
const MAX_WATCH_SECONDS: f64 = 12.0;

/// So much must be seen to say something.
const N_ENOUGH: u64 = 100;

/// Memory that may be taken in the first quarter of the watch, in which buffers and allocators find their size.
const UNSETTLED_SLACK_BYTES: u64 = 256 << 20;

/// Memory that may come and go later, and what may be left of it in the end: allocators that have settled keep to a
/// few hundred KB.
const SLACK_BYTES: u64 = 8 << 20;
const FINAL_SLACK_BYTES: u64 = 1 << 20;

/// How often is looked: at so many calls or after so long.
const LOOK_CALLS: u64 = 512;
const LOOK_TIME: Duration = Duration::from_millis(50);

pub(super) fn memory(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    match loaded.ground()? {
        Ground::Strategy { .. } => of_strategy(loaded),
        Ground::Estimator { space, requests } => {
            let estimator = loaded.estimator(space.as_ref()).map_err(|error| trouble(&error))?;
            grows("evaluations", 10_000, 4096, |turn| {
                let place = turn as usize % requests.len();
                estimator.evaluate(&requests[place..=place], &Silent);
                Ok(1)
            })
        }
        Ground::Proxy { problem, configurations } => {
            let proxy = loaded.proxy(&problem).map_err(|error| trouble(&error))?;
            let mut scores = vec![0.0; configurations.len()];
            grows("scores", N_ASKS, 256, |turn| {
                proxy
                    .score(&configurations, Seed::from_number(turn), &mut scores)
                    .map_err(|error| Trouble::from_error("`score`", &error))?;
                Ok(scores.len() as u64)
            })
        }
    }
}

fn of_strategy(loaded: &Loaded<'_>) -> Result<(), Trouble> {
    let problem = loaded.problem(problems::endless())?;
    let mut strategy = loaded.strategy(&problem).map_err(|error| trouble(&error))?;
    let seed = Seed::from_number(loaded.seed);
    grows("asks", N_ASKS, 1024, |turn| {
        let request = AskRequest { n: 1, first_trial: TrialId(turn), pending: &[], seed };
        let proposals = strategy.ask(&request).map_err(|error| Trouble::from_error("`ask`", &error))?;
        let told = |proposal: Proposal| Observation {
            trial: TrialId(turn),
            result: match problem.space.check(&proposal.configuration) {
                Ok(()) => Ok(problems::measure(&problem, &proposal.configuration, &problem.full_fidelity())),
                Err(_) => Err(FailureKind::Rejected),
            },
            configuration: proposal.configuration,
            fidelity: proposal.fidelity,
            cost_seconds: 1.0,
        };
        let observations: Vec<_> = proposals.into_iter().take(1).map(told).collect();
        strategy.tell(&observations).map_err(|error| Trouble::from_error("`tell`", &error))?;
        Ok(1)
    })
}

/// Calls `call` with 0, 1, … until it has done `n` of its work or the time is over; fails as soon as memory has grown
/// by more than `each` bytes for each.
fn grows(
    what: &str,
    n: u64,
    each: u64,
    mut call: impl FnMut(u64) -> Result<u64, Trouble>,
) -> Result<(), Trouble> {
    let start = Instant::now();
    let (mut done, mut looked, mut has_settled) = (0, start, false);
    // Work that was done, and bytes that were held then.
    let mut base: Option<(u64, u64)> = None;
    for turn in 0.. {
        done += call(turn)?;
        let seconds = start.elapsed().as_secs_f64();
        let progress =
            (done as f64 / n as f64).max((done as f64 / N_ENOUGH as f64).min(seconds / WATCH_SECONDS));
        let is_over = progress >= 1.0 || seconds > MAX_WATCH_SECONDS;
        if turn % LOOK_CALLS != LOOK_CALLS - 1 && looked.elapsed() < LOOK_TIME && !is_over {
            continue;
        }
        looked = Instant::now();
        let bytes = held()?.bytes;
        let (done_before, before) = *base.get_or_insert((done, bytes));
        let (grown, since) = (bytes.saturating_sub(before), done - done_before);
        let slack = match (has_settled, is_over) {
            (false, _) => UNSETTLED_SLACK_BYTES,
            (true, false) => SLACK_BYTES,
            (true, true) => FINAL_SLACK_BYTES,
        };
        if grown > slack + each * since {
            return failed(format!(
                "memory grew by {:.1} MB over {since} {what}: {} bytes each",
                grown as f64 / f64::from(1 << 20),
                grown / since.max(1)
            ));
        }
        if is_over {
            break;
        }
        if !has_settled && progress >= 0.25 {
            base = Some((done, bytes));
            has_settled = true;
        }
    }
    if done < N_ENOUGH {
        return Err(Trouble::Skipped(format!(
            "{done} {what} in {MAX_WATCH_SECONDS} s say nothing about growth"
        )));
    }
    Ok(())
}
