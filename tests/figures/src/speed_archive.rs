//! `speed.archive.*`: how fast the archive keeps, opens and imports trials, on the disk the program was built on.
//!
//! Workers are processes: this program again, with the archive's path in the environment.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use heirloom_archive::{
    Archive, Evaluations, ExportFormat, PastFilter, RunContents, RunHeader, RunId, RunState, Task,
};
use heirloom_model::space::{ParameterSpec, ParameterType};
use heirloom_model::{
    Configuration, Direction, Event, Fidelity, Objective, Origin, Outcome, Proposal, Recorder, Rng, Seed,
    SpaceSpec, TrialId,
};
use heirloom_recorded_table::RecordedTable;

use crate::row::Row;

/// Parameters of the measured space, as for the peer.
const N_PARAMETERS: usize = 10;
/// Trials that a worker process has in flight.
const IN_FLIGHT: u64 = 16;
/// How long each repetition of the durable figures lasts.
const REPETITION: Duration = Duration::from_secs(2);
const N_REPETITIONS: usize = 5;
const N_OPENED: u64 = 100_000;
const N_IMPORTED: usize = 680_000;
/// What the memory figure searches: so many tasks of so many evaluations.
const N_TASKS: usize = 20;
const N_PER_TASK: usize = 50_000;

const WORKER: &str = "HEIRLOOM_FIGURES_ARCHIVE";
const WORK: &str = "HEIRLOOM_FIGURES_ARCHIVE_WORK";

type Failure = Box<dyn std::error::Error>;

/// The figures whose ids begin with `prefix`.
pub(crate) fn measure(prefix: &str) -> Result<Vec<Row>, String> {
    if let Some(path) = std::env::var_os(WORKER) {
        return work(Path::new(&path)).map(|()| Vec::new()).map_err(|error| error.to_string());
    }
    all(prefix).map_err(|error| error.to_string())
}

fn all(prefix: &str) -> Result<Vec<Row>, Failure> {
    let wanted = |id: &str| id.starts_with(prefix);
    let mut rows = Vec::new();
    for (n_workers, id) in [(1, "speed.archive.durable.1"), (16, "speed.archive.durable.16")] {
        if wanted(id) {
            rows.push(durable(id, n_workers)?);
        }
    }
    if wanted("speed.archive.open") {
        rows.push(open()?);
    }
    if wanted("speed.archive.import") {
        rows.push(import()?);
    }
    if wanted("speed.archive.memory") {
        rows.push(memory()?);
    }
    Ok(rows)
}

/// Trials a second that `n_workers` processes make durable, one transaction a trial, beside Optuna's journal.
fn durable(id: &str, n_workers: usize) -> Result<Row, Failure> {
    let mut ours = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..N_REPETITIONS {
        let folder = scratch()?;
        drop(Archive::create(&folder.path().join("archive"))?);
        ours.push(rate(n_workers, || worker(&folder.path().join("archive"), "write"))?);
        if let Some(python) = std::env::var_os("HEIRLOOM_PEERS_PYTHON") {
            let journal = folder.path().join("journal.log");
            peers.push(rate(n_workers, || {
                let mut command = Command::new(&python);
                command.arg("-c").arg(OPTUNA_WORKER).arg(&journal).arg(REPETITION.as_secs_f64().to_string());
                command
            })?);
        }
    }
    let row = Row::from_samples(id, "trials/s", &ours);
    let peer = peers.iter().sum::<f64>() / peers.len() as f64;
    Ok(if peers.is_empty() { row } else { row.beside(peer) })
}

/// One of the peer's workers, with the manner of [`work`]: ready, a line to begin, how many trials were kept.
const OPTUNA_WORKER: &str = r#"
import sys, time
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.CRITICAL)
storage = JournalStorage(JournalFileBackend(sys.argv[1]))
study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True,
                            sampler=optuna.samplers.RandomSampler())
print("ready", flush=True)
sys.stdin.readline()
n, end = 0, time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    trial = study.ask({f"x{i}": optuna.distributions.FloatDistribution(0.0, 1.0) for i in range(10)})
    study.tell(trial, 0.5)
    n += 1
print(n, flush=True)
"#;

/// Starts processes, lets them all begin at once, and sums what they kept, a second.
fn rate(n_workers: usize, command: impl Fn() -> Command) -> Result<f64, Failure> {
    let mut workers: Vec<(Child, BufReader<_>, ChildStdin)> = Vec::new();
    for _ in 0..n_workers {
        let mut child = command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = BufReader::new(child.stdout.take().ok_or("no output")?);
        let input = child.stdin.take().ok_or("no input")?;
        workers.push((child, out, input));
    }
    for (_, out, _) in &mut workers {
        out.read_line(&mut String::new())?;
    }
    let began = Instant::now();
    for (_, _, input) in &mut workers {
        input.write_all(b"begin\n")?;
    }
    let mut n_kept = 0.0;
    for (_, out, _) in &mut workers {
        let mut line = String::new();
        out.read_line(&mut line)?;
        n_kept += line.trim().parse::<f64>().map_err(|_| "a worker died")?;
    }
    let seconds = began.elapsed().as_secs_f64();
    for (mut child, ..) in workers {
        child.wait()?;
    }
    Ok(n_kept / seconds)
}

fn worker(archive: &Path, work: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a running program has a file"));
    command.arg("speed.archive.").env(WORKER, archive).env(WORK, work);
    command
}

/// What a worker process does.
fn work(path: &Path) -> Result<(), Failure> {
    if std::env::var(WORK).is_ok_and(|work| work == "read") {
        let mut n = 0;
        Archive::open_read_only(path)?.visit_past(&PastFilter::default(), &mut |task| {
            n += task.configurations.len();
            Ok(())
        })?;
        println!("{n} {}", peak_megabytes()?);
        return Ok(());
    }
    let archive = Archive::open(path)?;
    let (_, recorder) = archive.begin_run(&header())?;
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let end = Instant::now() + REPETITION;
    let kept: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..IN_FLIGHT)
            .map(|thread| {
                let mut recorder = recorder.clone();
                scope.spawn(move || {
                    let mut rng = Seed::from_number(thread).rng();
                    let mut kept = 0;
                    while Instant::now() < end {
                        let events = events(kept * IN_FLIGHT + thread, &mut rng);
                        recorder.record(&events).expect("the archive takes trials");
                        kept += 1;
                    }
                    kept
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    });
    println!("{kept}");
    Ok(())
}

/// Seconds to open an archive and have its 100,000 trials in memory.
fn open() -> Result<Row, Failure> {
    let folder = scratch()?;
    let path = folder.path().join("archive");
    let run = {
        let archive = Archive::create(&path)?;
        let (run, mut recorder) = archive.begin_run(&header())?;
        let mut rng = Seed::from_number(0).rng();
        let trials: Vec<u64> = (0..N_OPENED).collect();
        for batch in trials.chunks(1000) {
            let events: Vec<Event> = batch.iter().flat_map(|trial| events(*trial, &mut rng)).collect();
            recorder.record(&events)?;
        }
        run
    };
    let mut samples = Vec::new();
    for _ in 0..N_REPETITIONS {
        let began = Instant::now();
        let archive = Archive::open(&path)?;
        let mut trials = Vec::new();
        archive.trials(run, &mut |trial| {
            trials.push(trial);
            Ok(())
        })?;
        samples.push(began.elapsed().as_secs_f64());
        assert_eq!(trials.len() as u64, N_OPENED);
    }
    Ok(Row::from_samples("speed.archive.open", "s", &samples))
}

/// Evaluations a second from a Parquet table to a durable archive, reading included.
fn import() -> Result<Row, Failure> {
    let folder = scratch()?;
    let path = |name: &str| folder.path().join(name);
    let archive = Archive::create(&path("source"))?;
    let source = recorded(0, N_IMPORTED);
    let run = source.id;
    archive.put_run(source)?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(path("evaluations.parquet"))?);
    archive.export(run, ExportFormat::Parquet, &mut file)?;
    file.flush()?;
    let parameters: String = (0..N_PARAMETERS)
        .map(|i| format!("[[space.parameter]]\nname = \"x{i}\"\ntype = \"float\"\nlow = 0.0\nhigh = 1.0\n"))
        .collect();
    let descriptor = format!(
        "name = \"figures\"\n[space]\n{parameters}[files]\nevaluations = \"evaluations.parquet\"\n\
         [[objective]]\nname = \"loss\"\ndirection = \"minimise\"\n\
         [[recorded]]\nobjectives.loss = \"loss\"\ncost_seconds = \"cost_seconds\"\n"
    );
    std::fs::write(path("table.toml"), descriptor)?;
    let mut samples = Vec::new();
    for repetition in 0..N_REPETITIONS {
        let archive = Archive::create(&path(&format!("archive-{repetition}")))?;
        let began = Instant::now();
        let report = archive.import_table(&RecordedTable::open(path("table.toml"))?)?;
        samples.push(N_IMPORTED as f64 / began.elapsed().as_secs_f64());
        assert_eq!(report.n_evaluations, N_IMPORTED as u64);
    }
    Ok(Row::from_samples("speed.archive.import", "evaluations/s", &samples))
}

/// The most memory that a process takes that reads every past task of an archive of a million trials.
fn memory() -> Result<Row, Failure> {
    let folder = scratch()?;
    let path = folder.path().join("archive");
    {
        let archive = Archive::create(&path)?;
        for task in 0..N_TASKS {
            archive.put_run(recorded(task, N_PER_TASK))?;
        }
    }
    let mut samples = Vec::new();
    for _ in 0..3 {
        let output = worker(&path, "read").output()?;
        let text = String::from_utf8(output.stdout)?;
        let (n, megabytes) = text.trim().split_once(' ').ok_or("the reading process died")?;
        assert_eq!(n.parse::<usize>()?, N_TASKS * N_PER_TASK);
        samples.push(megabytes.parse()?);
    }
    Ok(Row::from_samples("speed.archive.memory", "MB", &samples))
}

/// The most memory this process had.
fn peak_megabytes() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak in the status")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// A folder on the disk that the program was built on: temporary folders may lie in memory, where a flush is free.
fn scratch() -> Result<tempfile::TempDir, Failure> {
    let program: PathBuf = std::env::current_exe()?;
    Ok(tempfile::tempdir_in(program.parent().ok_or("the program has no folder")?)?)
}

fn header() -> RunHeader {
    let unit = ParameterType::Float { low: 0.0, high: 1.0, log: false, step: None };
    let parameters = (0..N_PARAMETERS).map(|i| ParameterSpec::new(format!("x{i}"), unit.clone())).collect();
    let space = SpaceSpec { name: "figures".into(), parameters, ..SpaceSpec::default() };
    let task = Task { key: "figures".into(), ..Task::default() };
    RunHeader::new(task, space, vec![Objective { name: "loss".into(), direction: Direction::Minimise }])
}

/// A trial from its proposal to its telling.
fn events(trial: u64, rng: &mut Rng) -> Vec<Event> {
    let id = TrialId(trial);
    let values: Vec<f64> = (0..N_PARAMETERS).map(|_| rng.uniform()).collect();
    let proposal = Proposal::new(Configuration::new(values), Fidelity::default());
    let origin = Origin::Strategy { ask: trial, n: 1 };
    let outcome = Outcome::new(vec![rng.uniform()], 1.0);
    vec![
        Event::Proposed { trial: id, proposal, origin, scores: Vec::new() },
        Event::Started { trial: id, attempt: 1 },
        Event::Finished { trial: id, attempt: 1, result: Ok(outcome), wall_seconds: 1.0 },
        Event::Told { trial: id },
    ]
}

/// A run of recorded evaluations of one task.
fn recorded(task: usize, n: usize) -> RunContents {
    let mut rng = Seed::from_number(task as u64).rng();
    let mut header = header();
    header.task.key = format!("figures/{task}");
    let batch = |n: usize, rng: &mut Rng| Evaluations {
        configurations: (0..n * N_PARAMETERS).map(|_| rng.uniform()).collect(),
        objectives: (0..n).map(|_| rng.uniform()).collect(),
        cost_seconds: vec![1.0; n],
        failures: vec![0; n],
        ..Evaluations::default()
    };
    let evaluations = (0..n).step_by(8192).map(|first| batch(8192.min(n - first), &mut rng)).collect();
    RunContents {
        id: RunId::new(),
        header,
        state: RunState::Imported,
        steps: 0,
        withdrawn: None,
        trials: Vec::new(),
        attempts: Vec::new(),
        curves: Vec::new(),
        evaluations,
    }
}
