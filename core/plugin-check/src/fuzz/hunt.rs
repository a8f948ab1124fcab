//! The search for a sequence that fails: in processes of their own, because what fails may be the process.

use std::path::Path;
use std::time::{Duration, Instant};

use heirloom_plugin_host::Kind;
use serde::{Deserialize, Serialize};

use super::sequence::{Replay, play};
use super::shrink::shrink;
use crate::job::{ComponentName, Target, Work};
use crate::loaded::Loaded;
use crate::processes::{Done, Processes, Start};
use crate::{CheckError, Status, Trouble};

/// Sequences to play in one process: every `stride`-th from `first` on, for `seconds`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hunt {
    pub(crate) component: ComponentName,
    pub(crate) first: u64,
    pub(crate) stride: u64,
    pub(crate) seconds: f64,
}

/// What a hunt has come to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Caught {
    n_played: u64,
    /// The first number whose sequence failed.
    failed: Option<u64>,
}

/// What came of fuzzing one strategy.
#[derive(Debug, Clone, Serialize)]
pub struct FuzzReport {
    /// The strategy.
    pub component: String,
    /// Sequences that were played.
    pub n_played: u64,
    /// Calls of the failing sequence as it was drawn; 0 where none failed.
    pub n_calls_drawn: usize,
    /// The failing sequence, as short as it could be made.
    pub failing: Option<Replay>,
}

/// Seconds that one process plays, and that it may hang after that.
const SLICE_SECONDS: f64 = 4.0;
const HANG_SECONDS: f64 = 10.0;

/// Plays sequences in this process. `progress` is told each number before it is played.
pub(crate) fn hunt(loaded: &Loaded<'_>, plugin: &str, hunt: &Hunt, progress: impl Fn(u64)) -> Caught {
    let start = Instant::now();
    let limit = Duration::from_secs_f64(hunt.seconds);
    let (mut n_played, mut number) = (0, hunt.first);
    while start.elapsed() < limit {
        progress(number);
        let replay = Replay::draw(plugin, &hunt.component.name, loaded.options, number);
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(loaded, &replay)));
        n_played += 1;
        if matches!(played, Ok(Err(Trouble::Failed(_))) | Err(_)) {
            return Caught { n_played, failed: Some(number) };
        }
        number = number.wrapping_add(hunt.stride);
    }
    Caught { n_played, failed: None }
}

/// Fuzzes the strategies of a plugin, or one of them, for `seconds` each. Sequences are counted from the target's
/// seed on.
pub fn fuzz_plugin(
    target: &Target,
    component: Option<&str>,
    seconds: f64,
    n_at_once: usize,
    start: &Start<'_>,
) -> Result<Vec<FuzzReport>, CheckError> {
    let host = target.host();
    let plugin = target.plugin(&host).map_err(|trouble| match trouble {
        Trouble::Failed(problem) | Trouble::Skipped(problem) => {
            CheckError::File { path: target.path.clone(), problem }
        }
    })?;
    let who = format!("{} {}", plugin.id(), plugin.version());
    let names: Vec<_> = plugin
        .components()
        .filter(|(found, _)| found.kind == Kind::Strategy)
        .map(|(found, _)| found.name.clone())
        .collect();
    let wanted: Vec<_> =
        names.iter().filter(|name| component.is_none_or(|wanted| wanted == *name)).cloned().collect();
    if wanted.is_empty() {
        let name = component.unwrap_or("a strategy").to_owned();
        return Err(CheckError::NoComponent { path: target.path.clone(), name, names });
    }
    let processes = Processes::new(target, start, n_at_once)?;
    wanted.into_iter().map(|name| fuzz_one(target, &processes, &who, name, seconds, n_at_once)).collect()
}

fn fuzz_one(
    target: &Target,
    processes: &Processes<'_>,
    who: &str,
    name: String,
    seconds: f64,
    n_at_once: usize,
) -> Result<FuzzReport, CheckError> {
    let begun = Instant::now();
    let component = ComponentName { kind: Kind::Strategy, name: name.clone() };
    let stride = n_at_once.max(1) as u64;
    let mut next: Vec<u64> = (0..stride).map(|lane| target.seed.wrapping_add(lane)).collect();
    let mut n_played = 0;
    loop {
        let left = seconds - begun.elapsed().as_secs_f64();
        if left <= 0.0 {
            return Ok(FuzzReport { component: name, n_played, n_calls_drawn: 0, failing: None });
        }
        let slice = left.min(SLICE_SECONDS);
        let works: Vec<_> = next
            .iter()
            .map(|&first| {
                let hunt = Hunt { component: component.clone(), first, stride, seconds: slice };
                (Work::Hunt(hunt), slice + HANG_SECONDS)
            })
            .collect();
        let mut failed: Option<u64> = None;
        for (lane, done) in processes.run(&works)?.into_iter().enumerate() {
            let (played, number) = read(&done, next[lane]);
            n_played += played;
            next[lane] = next[lane].wrapping_add(played * stride);
            failed = failed.into_iter().chain(number).min();
        }
        if let Some(number) = failed {
            let options = target.setting.component(&name).options;
            let drawn = Replay::draw(who, &name, &options, number);
            let n_calls_drawn = drawn.calls.len();
            let failing = shrink(drawn, |candidate| replay_with(processes, candidate))?;
            return Ok(FuzzReport { component: name, n_played, n_calls_drawn, failing: Some(failing) });
        }
    }
}

/// How many sequences a process has played, and the number of the one that failed.
fn read(done: &Done, first: u64) -> (u64, Option<u64>) {
    match &done.answer {
        Ok(answer) => match serde_json::from_str::<Caught>(answer) {
            Ok(caught) => (caught.n_played, caught.failed),
            Err(_) => (0, Some(first)),
        },
        // The sequence that was being played has ended the process, or hangs.
        Err(_) => (1, Some(done.progress.trim().parse().unwrap_or(first))),
    }
}

/// Plays one sequence in a process of its own.
fn replay_with(processes: &Processes<'_>, replay: &Replay) -> Result<Status, CheckError> {
    let done = processes.one(&Work::Replay(replay.clone()), HANG_SECONDS)?;
    Ok(match done.answer {
        Ok(answer) => serde_json::from_str(&answer)
            .unwrap_or_else(|error| Status::Crashed(format!("its answer was lost: {error}"))),
        Err(how) => Status::Crashed(how),
    })
}

/// Plays the sequence of the replay file at `path` on a plugin, with the options that it was found with.
pub fn replay(target: &Target, path: &Path, start: &Start<'_>) -> Result<(Replay, Status), CheckError> {
    let replay = Replay::read(path)?;
    let host = target.host();
    let names: Vec<_> = host
        .plugins()
        .iter()
        .filter(|plugin| plugin.path() == target.path)
        .flat_map(|plugin| plugin.components().map(|(component, _)| component.name.clone()))
        .collect();
    if !names.contains(&replay.component) {
        let name = replay.component.clone();
        return Err(CheckError::NoComponent { path: target.path.clone(), name, names });
    }
    let status = replay_with(&Processes::new(target, start, 1)?, &replay)?;
    Ok((replay, status))
}
