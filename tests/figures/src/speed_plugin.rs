//! `speed.plugin.*`: what the plugin boundary costs, in the host's process and through a worker process.
//!
//! Last, what isolation costs a whole search: seconds a trial beside those with the strategy in this process.
//!
//! The plugin is `random`, whose methods do next to nothing, so that what is measured is the way to them. Beside the
//! calls stands the same strategy, linked into this program, as a plain `dyn Strategy`, beside a worker's start the
//! shortest life of a process (`true`), and beside the round trip one of as few bytes between two threads, without any
//! protocol. Whether both ends of a socket sit on one core decides a
//! round trip more than all else, and the system's scheduler decides that: the measurement holds itself and its workers
//! to one core.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{
    AskRequest, Configuration, Direction, Fidelity, Objective, Observation, Problem, Seed, Space, SpaceSpec,
    Strategy, TrialId,
};
use heirloom_plugin_host::{HostOptions, Isolation, Kind, PluginHost};
use heirloom_strategy_random::Random;
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;

use crate::recorded_task::RecordedTask;
use crate::row::Row;

/// Numbers in a configuration: as many as NAS-Bench-201 has edges.
const N_PARAMETERS: usize = 6;
const N_REPETITIONS: usize = 30;
const N_CALLS: usize = 20_000;
const N_ROUND_TRIPS: usize = 1_000;
/// Rows in a batch.
const N_ROWS: usize = 1_000;
/// Trials at the same time, and in all, of the searches whose throughput is compared.
const N_WORKERS: usize = 64;
const N_TRIALS: u64 = 20_000;
const N_SEARCHES: u64 = 15;

/// Holds this thread, and the threads and processes that it starts, to one core until it is dropped.
struct OneCore(CpuSet);

impl OneCore {
    fn hold() -> Result<Self, Errno> {
        let all = sched_getaffinity(None)?;
        let first = (0..CpuSet::MAX_CPU).find(|&core| all.is_set(core)).ok_or(Errno::INVAL)?;
        let mut one = CpuSet::new();
        one.set(first);
        sched_setaffinity(None, &one)?;
        Ok(Self(all))
    }
}

impl Drop for OneCore {
    fn drop(&mut self) {
        // Without effect at worst: what is measured later would stay on the one core.
        let _ = sched_setaffinity(None, &self.0);
    }
}

/// Measures the rows whose ids begin with `prefix`.
pub(crate) fn measure(prefix: &str) -> Result<Vec<Row>, String> {
    let wanted = |name: &str| id(name).starts_with(prefix);
    let searches = wanted("isolated-search").then(searches).transpose()?;
    let mut rows = Vec::new();
    let one_core = OneCore::hold().map_err(text)?;
    let host = PluginHost::open(&PluginHost::default_search_paths(), HostOptions::default());
    let problem = problem()?;
    let make = |isolation| host.strategy("random", &json!({}), isolation, &problem).map_err(text);
    let mut plain: Box<dyn Strategy> = black_box(Box::new(Random::new(&problem, false)));
    let mut loaded = make(Isolation::None)?;
    let mut isolated = make(Isolation::Process)?;

    if wanted("load") {
        let library = host.find(Kind::Strategy, "random").map_err(text)?.path();
        rows.push(row("load", "ms", 1e3, &loads(library, &problem)?));
    }
    if wanted("call") {
        let calls = in_turns(N_CALLS, || call(loaded.as_ref(), N_CALLS), || call(plain.as_ref(), N_CALLS))?;
        rows.push(row_beside("call", "ns", 1e9, &calls));
    }
    if wanted("row") {
        let asks = in_turns(N_ROWS, || ask(loaded.as_mut()), || ask(plain.as_mut()))?;
        rows.push(row_beside("row", "ns", 1e9, &asks));
    }
    if wanted("spawn") {
        let mut starts = [Vec::new(), Vec::new()];
        for _ in 0..N_REPETITIONS {
            // From the call to a component that answers: a worker's end is not its start.
            let begin = Instant::now();
            let _made = make(Isolation::Process)?;
            starts[0].push(begin.elapsed().as_secs_f64());
            starts[1].push(seconds(|| Command::new("true").status().map(drop).map_err(text))?);
        }
        rows.push(row_beside("spawn", "ms", 1e3, &starts));
    }
    if wanted("roundtrip") {
        let mut echo = start_echo()?;
        let round_trips = in_turns(
            N_ROUND_TRIPS,
            || call(isolated.as_ref(), N_ROUND_TRIPS),
            || echo_bytes(&mut echo, N_ROUND_TRIPS),
        )?;
        rows.push(row_beside("roundtrip", "µs", 1e6, &round_trips));
    }
    if wanted("worker-row") {
        let observations = observations();
        let tells = per_item(N_ROWS, || isolated.tell(&observations).map_err(text))?;
        rows.push(row("worker-row", "µs", 1e6, &tells));
    }
    drop(one_core);
    rows.extend(searches.map(|searches| row_beside("isolated-search", "µs", 1e6, &searches)));
    Ok(rows)
}

/// Seconds a trial of a search on a recorded table: with the strategy in a worker, and in this process.
fn searches() -> Result<[Vec<f64>; 2], String> {
    let host = PluginHost::open(&PluginHost::default_search_paths(), HostOptions::default());
    let task = RecordedTask::open(&host, "cifar10")?;
    let search = |isolation, seed| {
        seconds(|| task.search(&host, ("random", isolation), seed, N_TRIALS, N_WORKERS).map(drop))
    };
    let mut samples = [Vec::new(), Vec::new()];
    for seed in 0..N_SEARCHES {
        samples[0].push(search(Isolation::Process, seed)? / N_TRIALS as f64);
        samples[1].push(search(Isolation::None, seed)? / N_TRIALS as f64);
    }
    Ok(samples)
}

/// Seconds to read the record of a library that was never loaded, check it, load it, and make a strategy.
fn loads(library: &Path, problem: &Problem) -> Result<Vec<f64>, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let load = |index| {
        // A copy is another library to the system's loader.
        let copy = folder.path().join(format!("libcopy{index}{}", std::env::consts::DLL_SUFFIX));
        std::fs::copy(library, &copy).map_err(text)?;
        seconds(|| {
            let host = PluginHost::open(&[copy], HostOptions::default());
            host.strategy("random", &json!({}), Isolation::None, problem).map(drop).map_err(text)
        })
    };
    (0..N_REPETITIONS).map(load).collect()
}

/// Calls a method without arguments.
fn call(strategy: &dyn Strategy, n_calls: usize) -> Result<(), String> {
    (0..n_calls).try_for_each(|_| {
        // Only what a caller looks at is kept from the optimiser: a copy of the whole answer, the halves of which were
        // stored one after the other, would wait longer than the call takes.
        black_box(strategy).recommend().map(|trial| assert!(black_box(trial.is_none()))).map_err(text)
    })
}

/// Asks for many proposals at a time.
fn ask(strategy: &mut dyn Strategy) -> Result<(), String> {
    let request = AskRequest { n: N_ROWS, first_trial: TrialId(0), pending: &[], seed: Seed::from_number(1) };
    strategy.ask(&request).map(|proposals| drop(black_box(proposals))).map_err(text)
}

/// A socket at whose other end a thread sends back whatever comes, a frame's header at a time.
fn start_echo() -> Result<UnixStream, String> {
    let (ours, mut theirs) = UnixStream::pair().map_err(text)?;
    std::thread::spawn(move || {
        let mut header = [0; 5];
        while theirs.read_exact(&mut header).and_then(|()| theirs.write_all(&header)).is_ok() {}
    });
    Ok(ours)
}

fn echo_bytes(echo: &mut UnixStream, n_round_trips: usize) -> Result<(), String> {
    let mut header = [0; 5];
    let mut round_trip = |_| echo.write_all(&header).and_then(|()| echo.read_exact(&mut header));
    (0..n_round_trips).try_for_each(&mut round_trip).map_err(text)
}

/// Seconds an item, over several repetitions after one that warms up.
fn per_item(n_items: usize, mut batch: impl FnMut() -> Result<(), String>) -> Result<Vec<f64>, String> {
    batch()?;
    (0..N_REPETITIONS).map(|_| Ok(seconds(&mut batch)? / n_items as f64)).collect()
}

/// Seconds an item of ours and one of a peer's, taken in turns: a machine's speed changes while it is measured.
fn in_turns(
    n_items: usize,
    mut ours: impl FnMut() -> Result<(), String>,
    mut peer: impl FnMut() -> Result<(), String>,
) -> Result<[Vec<f64>; 2], String> {
    ours()?;
    peer()?;
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..N_REPETITIONS {
        samples[0].push(seconds(&mut ours)? / n_items as f64);
        samples[1].push(seconds(&mut peer)? / n_items as f64);
    }
    Ok(samples)
}

fn seconds(work: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn faster_half(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.truncate(samples.len().div_ceil(2));
    sorted
}

fn mean(samples: &[f64]) -> f64 {
    let faster = faster_half(samples);
    faster.iter().sum::<f64>() / faster.len() as f64
}

fn id(name: &str) -> String {
    format!("speed.plugin.{name}")
}

/// A row of the faster half of the samples: whatever else runs on the machine makes a call slower, never faster.
fn row(name: &str, unit: &'static str, scale: f64, samples: &[f64]) -> Row {
    let scaled: Vec<f64> = faster_half(samples).into_iter().map(|sample| sample * scale).collect();
    Row::from_samples(id(name), unit, &scaled)
}

/// The same, beside the mean of the peer's faster half.
fn row_beside(name: &str, unit: &'static str, scale: f64, [ours, peer]: &[Vec<f64>; 2]) -> Row {
    row(name, unit, scale, ours).beside(mean(peer) * scale)
}

fn problem() -> Result<Problem, String> {
    let float = || ParameterType::Float { low: 0.0, high: 1.0, log: false, step: None };
    let parameters =
        (0..N_PARAMETERS).map(|index| ParameterSpec::new(format!("p{index}"), float())).collect();
    let space = Space::compile(SpaceSpec { parameters, ..SpaceSpec::default() }).map_err(text)?;
    let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
    Ok(Problem::new(Arc::new(space), objective))
}

fn observations() -> Vec<Observation> {
    let observation = |trial| Observation {
        trial: TrialId(trial),
        configuration: Configuration::new(vec![0.5; N_PARAMETERS]),
        fidelity: Fidelity::default(),
        result: Ok(vec![0.1]),
        cost_seconds: 1.0,
    };
    (0..N_ROWS as u64).map(observation).collect()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
