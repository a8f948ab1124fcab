//! Jobs in processes of their own, several at once, each with a time limit.

use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::CheckError;
use crate::job::{Job, Target, Work, progress_of};

/// How often a process is looked at.
const TICK: Duration = Duration::from_millis(1);

/// Starts the program that does the job in the file at the path with [`do_job`](crate::do_job).
pub type Start<'a> = dyn Fn(&Path) -> Command + Sync + 'a;

/// Does jobs in processes.
pub(crate) struct Processes<'a> {
    start: &'a Start<'a>,
    folder: TempDir,
    n_at_once: usize,
    n_started: AtomicUsize,
}

/// What became of a job.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// The answer, or how the process ended without one.
    pub(crate) answer: Result<String, String>,
    /// What was printed on standard output.
    pub(crate) printed: String,
    /// How far it was: see [`progress_of`].
    pub(crate) progress: String,
    /// Seconds.
    pub(crate) seconds: f64,
}

impl<'a> Processes<'a> {
    /// `n_at_once` processes at the same time.
    pub(crate) fn new(start: &'a Start<'a>, n_at_once: usize) -> Result<Self, CheckError> {
        let folder = tempfile::Builder::new().prefix("heirloom-check-").tempdir();
        let folder = folder.map_err(|error| CheckError::Start { reason: error.to_string() })?;
        Ok(Self { start, folder, n_at_once: n_at_once.max(1), n_started: AtomicUsize::new(0) })
    }

    /// Does all of `works`, which have `seconds` each; what became of each, in their order.
    pub(crate) fn run(&self, target: &Target, works: &[(Work, f64)]) -> Result<Vec<Done>, CheckError> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<Done, CheckError>>>> =
            works.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..self.n_at_once.min(works.len()) {
                scope.spawn(|| {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some((work, seconds)) = works.get(place) else { break };
                        let done = self.one(target, work, *seconds);
                        *results[place].lock().expect("no holder of this lock panics") = Some(done);
                    }
                });
            }
        });
        results
            .into_iter()
            .map(|done| {
                let done = done.into_inner().expect("no holder of this lock panics");
                done.expect("every place was worked on")
            })
            .collect()
    }

    /// Does one job.
    pub(crate) fn one(&self, target: &Target, work: &Work, seconds: f64) -> Result<Done, CheckError> {
        let number = self.n_started.fetch_add(1, Ordering::Relaxed);
        let file = |suffix: &str| self.folder.path().join(format!("{number}.{suffix}"));
        let (path, answer) = (file("json"), file("answer"));
        let job = Job { target: target.clone(), work: work.clone(), answer: answer.clone(), seconds };
        let text = serde_json::to_string(&job)
            .map_err(|error| CheckError::File { path: path.clone(), problem: error.to_string() })?;
        let in_file = |path: &PathBuf, result: std::io::Result<()>| {
            result.map_err(|error| CheckError::File { path: path.clone(), problem: error.to_string() })
        };
        in_file(&path, std::fs::write(&path, text))?;
        let no_start = |error: std::io::Error| CheckError::Start { reason: error.to_string() };
        let (out, err) = (file("out"), file("err"));
        let mut child = (self.start)(&path)
            .stdin(Stdio::null())
            .stdout(File::create(&out).map_err(no_start)?)
            .stderr(File::create(&err).map_err(no_start)?)
            // What the component starts is ended with it.
            .process_group(0)
            .spawn()
            .map_err(no_start)?;
        let start = Instant::now();
        let ended = wait(&mut child, Duration::from_secs_f64(seconds)).map_err(no_start)?;
        end_group(&child);
        let spent = start.elapsed().as_secs_f64();
        let read = |path: &Path| {
            std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        };
        let at = progress_of(&answer);
        let (printed, said, progress) = (read(&out), read(&err), read(&at));
        let answered = std::fs::read_to_string(&answer).ok();
        for path in [&path, &answer, &out, &err, &at] {
            // The folder goes in the end anyway.
            let _ = std::fs::remove_file(path);
        }
        let answer = match (ended, answered) {
            (None, _) => Err(format!("it did not end within {seconds} s and was killed")),
            (Some(_), Some(answer)) => Ok(answer),
            (Some(status), None) => Err(describe(status, &said)),
        };
        Ok(Done { answer, printed, progress, seconds: spent })
    }
}

/// How the process ended; `None`: not within the limit.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            end_group(child);
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(TICK);
    }
}

/// Ends whatever is left of the process and those it started.
fn end_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It fails where nothing is left.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// How a process ended that gave no answer, with the last line that it said.
fn describe(status: ExitStatus, said: &str) -> String {
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) if signal == Signal::SEGV.as_raw() || signal == Signal::BUS.as_raw() => {
            "a segmentation fault ended it".to_owned()
        }
        (Some(signal), _) if signal == Signal::ABORT.as_raw() => "it was aborted".to_owned(),
        (Some(signal), _) => format!("signal {signal} ended it"),
        (None, code) => format!("it ended its process with status {}", code.unwrap_or_default()),
    };
    match said.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        Some(line) => format!("{how}: {line}"),
        None => how,
    }
}
