//! Jobs in processes of their own, several at once, each with a time limit.
//!
//! A server opens what the plugin's library needs and makes a copy of itself for every job: LibTorch takes a third of
//! a second to open, and the checks of a plugin are hundreds. Nothing of the plugin itself runs in a server.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heirloom_plugin_host::{in_copy, open_libtorch_for};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::CheckError;
use crate::job::{Job, Target, Work, write};

/// How often a process is looked at.
const TICK: Duration = Duration::from_millis(1);

/// Starts the program that does jobs with [`serve_jobs`] for the plugin at the path.
pub type Start<'a> = dyn Fn(&Path) -> Command + Sync + 'a;

/// Does jobs on a plugin in processes.
pub(crate) struct Processes<'a> {
    target: &'a Target,
    start: &'a Start<'a>,
    folder: TempDir,
    /// One for each job at the same time, started when it is first needed.
    servers: Vec<Mutex<Option<Server>>>,
    n_started: AtomicUsize,
}

/// What became of a job.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// The answer, or how the process ended without one.
    pub(crate) answer: Result<String, String>,
    /// What was printed on standard output.
    pub(crate) printed: String,
    /// How far it was: see [`Files::progress`].
    pub(crate) progress: String,
    /// Seconds.
    pub(crate) seconds: f64,
}

/// The files of a job, all beside that with the job itself.
pub(crate) struct Files<'a>(pub(crate) &'a Path);

impl Files<'_> {
    /// What the job came to: standard output may be the plugin's.
    pub(crate) fn answer(&self) -> PathBuf {
        self.0.with_extension("answer")
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> PathBuf {
        self.0.with_extension("at")
    }

    fn out(&self) -> PathBuf {
        self.0.with_extension("out")
    }

    fn err(&self) -> PathBuf {
        self.0.with_extension("err")
    }
}

impl<'a> Processes<'a> {
    /// Processes for `target`, `n_at_once` at the same time.
    pub(crate) fn new(
        target: &'a Target,
        start: &'a Start<'a>,
        n_at_once: usize,
    ) -> Result<Self, CheckError> {
        let folder = tempfile::Builder::new().prefix("heirloom-check-").tempdir().map_err(no_start)?;
        let servers = (0..n_at_once.max(1)).map(|_| Mutex::default()).collect();
        Ok(Self { target, start, folder, servers, n_started: AtomicUsize::new(0) })
    }

    /// Does all of `works`, which have `seconds` each; what became of each, in their order.
    pub(crate) fn run(&self, works: &[(Work, f64)]) -> Result<Vec<Done>, CheckError> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<Done, CheckError>>>> =
            works.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for server in self.servers.iter().take(works.len()) {
                let (next, results) = (&next, &results);
                scope.spawn(move || {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some((work, seconds)) = works.get(place) else { break };
                        let done = self.one_with(server, work, *seconds);
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
    pub(crate) fn one(&self, work: &Work, seconds: f64) -> Result<Done, CheckError> {
        self.one_with(&self.servers[0], work, seconds)
    }

    fn one_with(
        &self,
        server: &Mutex<Option<Server>>,
        work: &Work,
        seconds: f64,
    ) -> Result<Done, CheckError> {
        let number = self.n_started.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!("{number}.json"));
        let files = Files(&path);
        write(&path, &Job { target: self.target.clone(), work: work.clone(), seconds })?;
        let mut server = server.lock().expect("no holder of this lock panics");
        let begun = Instant::now();
        let ended = match &mut *server {
            Some(server) => server.serve(&path),
            none => none.insert(Server::start((self.start)(&self.target.path))?).serve(&path),
        };
        let spent = begun.elapsed().as_secs_f64();
        let read = |path: PathBuf| {
            std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        };
        let (printed, progress) = (read(files.out()), read(files.progress()));
        let answered = std::fs::read_to_string(files.answer()).ok();
        let answer = match (ended, answered) {
            (Some(Ended::TooLate), _) => Err(format!("it did not end within {seconds} s and was killed")),
            (Some(Ended::NotStarted(reason)), _) => return Err(CheckError::Start { reason }),
            (Some(Ended::ByItself(_)), Some(answer)) => Ok(answer),
            (Some(Ended::ByItself(status)), None) => Err(describe(status, &read(files.err()))),
            (None, _) => {
                // The next job gets another one.
                *server = None;
                Err("it ended the process that had started it".into())
            }
        };
        for path in [files.0.to_owned(), files.answer(), files.out(), files.err(), files.progress()] {
            // The folder goes in the end anyway.
            let _ = std::fs::remove_file(path);
        }
        Ok(Done { answer, printed, progress, seconds: spent })
    }
}

fn no_start(error: std::io::Error) -> CheckError {
    CheckError::Start { reason: error.to_string() }
}

/// How the process of a job ended.
#[derive(Debug, Serialize, Deserialize)]
enum Ended {
    /// With the system's word for how.
    ByItself(i32),
    /// It was killed at its limit.
    TooLate,
    /// It was not started at all.
    NotStarted(String),
}

/// A process that does jobs, one after the other: it is told the path of each, and tells how its process ended.
struct Server {
    child: Child,
    /// `None` when there are no more.
    jobs: Option<ChildStdin>,
    ends: BufReader<ChildStdout>,
}

impl Server {
    fn start(mut command: Command) -> Result<Self, CheckError> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(no_start)?;
        let jobs = child.stdin.take();
        let ends = child.stdout.take().expect("it was asked for above");
        Ok(Self { child, jobs, ends: BufReader::new(ends) })
    }

    /// Has the job at `path` done; `None` where the server itself ended.
    fn serve(&mut self, path: &Path) -> Option<Ended> {
        writeln!(self.jobs.as_mut()?, "{}", path.to_str()?).ok()?;
        let mut line = String::new();
        self.ends.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.jobs = None;
        // It ends where no more jobs can come.
        let _ = self.child.wait();
    }
}

/// Does the jobs whose files standard input names, each in a copy of this process, or, where no copy can be made, in
/// the one that `fresh` starts to call [`do_job`](crate::do_job). To be called in a process that was started for it
/// and has one thread, with the path of the plugin that the jobs are about.
///
/// # Errors
///
/// When standard input or output fail, or a job's file cannot be read.
pub fn serve_jobs(plugin: &Path, fresh: &dyn Fn(&Path) -> Command) -> Result<(), CheckError> {
    // Where this fails each job finds the same, and says so.
    let _ = open_libtorch_for(plugin);
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).map_err(no_start)? > 0 {
        let path = Path::new(line.trim_end());
        let job = Job::read(path)?;
        let ended =
            do_in_process(&job, path, fresh).unwrap_or_else(|error| Ended::NotStarted(error.to_string()));
        let told = serde_json::to_string(&ended).expect("its values are numbers and text");
        let mut out = std::io::stdout();
        writeln!(out, "{told}").and_then(|()| out.flush()).map_err(no_start)?;
        line.clear();
    }
    Ok(())
}

fn do_in_process(job: &Job, path: &Path, fresh: &dyn Fn(&Path) -> Command) -> std::io::Result<Ended> {
    let files = Files(path);
    let (out, err) = (File::create(files.out())?, File::create(files.err())?);
    // What the component starts is in its group, and ended with it.
    let copied = in_copy(&out, &err, || {
        if let Err(error) = job.work(path) {
            let _ = writeln!(std::io::stderr(), "{error}");
            std::process::exit(1);
        }
    });
    let number = match copied {
        Ok(number) => number,
        Err(error) => {
            tracing::debug!("a job gets a fresh process: {error}");
            let child = fresh(path).stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).spawn()?;
            i32::try_from(child.id()).map_err(std::io::Error::other)?
        }
    };
    let process = Pid::from_raw(number).ok_or_else(|| std::io::Error::other("a process without a number"))?;
    let deadline = Instant::now() + Duration::from_secs_f64(job.seconds);
    let ended = loop {
        if let Some((_, status)) = waitpid(Some(process), WaitOptions::NOHANG)? {
            break Ended::ByItself(status.as_raw());
        }
        if Instant::now() > deadline {
            end_group(process);
            waitpid(Some(process), WaitOptions::empty())?;
            break Ended::TooLate;
        }
        std::thread::sleep(TICK);
    };
    end_group(process);
    Ok(ended)
}

/// Ends whatever is left of a process and those it started.
fn end_group(process: Pid) {
    // It fails where nothing is left.
    let _ = kill_process_group(process, Signal::KILL);
}

/// How a process ended that gave no answer, with the last line that it said.
fn describe(status: i32, said: &str) -> String {
    let status = ExitStatus::from_raw(status);
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
