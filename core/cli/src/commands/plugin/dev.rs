//! `heirloom plugin dev`

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use heirloom_config::{Isolation, RunFile};
use heirloom_engine::{EndReason, EngineError, ProxyFilter, RunEnd, StopSignal};
use heirloom_model::{Event, RecordError, Recorder, TrialId};
use heirloom_plugin_host::Kind;
use serde::Serialize;

use super::check;
use crate::catalogue::Plugins;
use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::files::Passing;
use crate::job::{Job, NoEnd, Passage};
use crate::output;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
#[command(
    after_help = "Whenever a file in the folder or the run file changes, the plugin is built anew, a new worker \
    process loads it, and the run file's search is repeated with the same seed. A strategy first goes through the \
    search so far: while it proposes the same, results are not measured again; where it proposes something else, the \
    search begins anew. Nothing is written to the archive. Ctrl-C ends it.\n\n\
    Examples:\n  heirloom plugin dev my-strategy my-strategy/run.toml\n  \
    heirloom plugin dev . run.toml --once --json"
)]
pub(super) struct Dev {
    /// The plugin's source folder: a crate, a folder with a Makefile, or one of Python
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The run file
    #[arg(value_name = "RUNFILE")]
    file: PathBuf,

    /// Build and search once, and end
    #[arg(long)]
    once: bool,
}

/// What became of one change.
#[derive(Debug, Serialize)]
struct Round {
    build_seconds: f64,
    search_seconds: f64,
    n_trials: u64,
    n_failed: u64,
    /// The best objective, in the direction in which people read it.
    best: Option<f64>,
    /// Trials that were taken from the search before.
    n_replayed: usize,
    /// The first trial for which something else was proposed than before.
    differs_from: Option<TrialId>,
}

/// The search so far.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<Event>>>);

impl Kept {
    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Recorder for Kept {
    fn record(&mut self, events: &[Event]) -> Result<(), RecordError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events);
        Ok(())
    }
}

impl Dev {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        if !self.folder.is_dir() {
            let message = format!("there is no folder `{}`; hint: check the path", self.folder.display());
            return Err(Failure::usage(message).into());
        }
        let stop = StopSignal::default();
        crate::interrupt::watch(&stop)?;
        let mut history = Vec::new();
        loop {
            let seen = self.newest();
            match self.round(context, &mut history, &stop) {
                Ok(round) => self.show(&round, context)?,
                Err(error) if self.once => return Err(error),
                // The next change may mend it.
                Err(error) => tracing::error!("{error:?}"),
            }
            if self.once {
                return Ok(Exit::Done);
            }
            while self.newest() == seen {
                if stop.stopping() {
                    return Ok(Exit::Done);
                }
                std::thread::sleep(LOOK);
            }
        }
    }

    /// Builds, and searches as far as the budget goes.
    fn round(&self, context: &Context, history: &mut Vec<Event>, stop: &StopSignal) -> miette::Result<Round> {
        let begin = Instant::now();
        build(&self.folder)?;
        let build_seconds = begin.elapsed().as_secs_f64();
        let libraries = check::plugins(&self.folder)?;
        let mut context = context.clone();
        context.plugin_folders = [libraries.clone(), context.plugin_folders].concat();
        let file = RunFile::read(&self.file)?;
        // Another host: libraries that were loaded or read before are what they were.
        let plugins = Plugins::open(&context, self.file.parent())?;
        let mut config = file.check(&plugins)?;
        config.isolation = Isolation::Process;
        let job = Job::prepare(&config, &plugins).map_err(|blame| blame.in_file(&file))?;
        let found = plugins.host().find(Kind::Strategy, &config.strategy.name).or_fail()?;
        // What another component of the plugin measured or filtered is not what it would now.
        let is_strategy = libraries.iter().any(|library| {
            let absolute = |path: &Path| std::path::absolute(path).ok();
            absolute(library) == absolute(found.path())
        });
        if !is_strategy {
            history.clear();
        }
        let filters = job.filters().map_err(|blame| blame.in_file(&file))?;
        let begin = Instant::now();
        let files = Passing::new()?;
        let search = |history: &[Event]| search(&job, &filters, &files, history, stop);
        let (found, n_replayed, differs_from) = match search(history) {
            Err(NoEnd::Engine(EngineError::ReplayMismatch { trial })) => (search(&[]), 0, Some(trial)),
            found => (found, n_told(history), None),
        };
        let (end, events) = found.map_err(Failure::from)?;
        *history = events;
        if let EndReason::ComponentFailed { error } = end.reason {
            return Err(Failure::new(error).into());
        }
        let turn = |objectives: &[f64]| job.objective().direction.turn(objectives[0]);
        Ok(Round {
            build_seconds,
            search_seconds: begin.elapsed().as_secs_f64(),
            n_trials: end.n_trials,
            n_failed: end.n_failed,
            best: end.incumbent.as_ref().map(|incumbent| turn(&incumbent.objectives)),
            n_replayed,
            differs_from,
        })
    }

    fn show(&self, round: &Round, context: &Context) -> miette::Result<()> {
        if context.json {
            return output::json(round);
        }
        let Round { build_seconds, search_seconds, n_trials, n_failed, best, n_replayed, differs_from } =
            round;
        let best = best.map_or_else(|| "none".to_owned(), |best| best.to_string());
        let before = match differs_from {
            Some(trial) => format!("; another search than before from trial {trial} on"),
            None if *n_replayed > 0 => format!("; the first {n_replayed} trials as before"),
            None => String::new(),
        };
        output::line(&format!(
            "built in {build_seconds:.2} s, searched in {search_seconds:.2} s: {n_trials} trials, {n_failed} failed, \
             best {best}{before}"
        ))
    }

    /// When something that matters was changed last, and how many files there are.
    fn newest(&self) -> (Option<SystemTime>, usize) {
        let (mut newest, mut n_files) = (None, 0);
        let mut left = vec![self.folder.clone(), self.file.clone()];
        while let Some(path) = left.pop() {
            let Ok(data) = std::fs::metadata(&path) else { continue };
            if data.is_dir() {
                let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
                left.extend(entries.map(|entry| entry.path()).filter(|path| is_source(path)));
            } else {
                newest = newest.max(data.modified().ok());
                n_files += 1;
            }
        }
        (newest, n_files)
    }
}

/// Whether a change of a file, or in a folder, is the author's: not what a build leaves.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_built = path.extension().is_some_and(|ending| {
        ["o", "a", "pyc", "lock", std::env::consts::DLL_EXTENSION].iter().any(|built| ending == *built)
    });
    !name.starts_with('.') && !is_built && !["target", "build", "__pycache__"].contains(&&*name)
}

fn build(folder: &Path) -> miette::Result<()> {
    let (program, arguments): (_, &[&str]) = if folder.join("Cargo.toml").is_file() {
        (std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), &["build", "--quiet"])
    } else if folder.join("Makefile").is_file() {
        ("make".into(), &["--silent"])
    } else {
        return Ok(());
    };
    let shown = program.to_string_lossy().into_owned();
    // What a build prints is not this command's result.
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.map_err(|error| {
        Failure::new(format!("`{shown}` does not start: {error}; hint: install it, or put it on the `PATH`"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("`{}` does not build:\n{}", folder.display(), said.trim_end())).into())
}

/// One search: how it ended, and all of its events, `history` first.
fn search(
    job: &Job<'_>,
    filters: &[ProxyFilter],
    files: &Passing,
    history: &[Event],
    stop: &StopSignal,
) -> Result<(RunEnd, Vec<Event>), NoEnd> {
    let kept = Kept(Arc::new(Mutex::new(history.to_vec())));
    let end = job.run(Passage {
        seed: job.config.seed,
        strategy: &job.config.strategy,
        filters: filters.to_vec(),
        vote: job.vote(&[]),
        warm_start: None,
        recorder: Box::new(kept.clone()),
        history: Box::new(history.iter().cloned().map(Ok)),
        elapsed_seconds: 0.0,
        files: files.folder("dev").path().to_owned(),
        observer: Box::new(|_| {}),
        stop: stop.clone(),
    })?;
    Ok((end, kept.events()))
}

fn n_told(history: &[Event]) -> usize {
    history.iter().filter(|event| matches!(event, Event::Told { .. })).count()
}
