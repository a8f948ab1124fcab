//! The archive as a program uses it: opened, written to by a run's recorder, read from, merged.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use heirloom_model::{Event, Failure, FailureKind, Origin, RecordError, Recorder, TrialId};

use crate::sqlite::SqliteStore;
use crate::{
    ArchiveError, ArtifactReference, AttemptRecord, MergeReport, Result, RunContents, RunHeader, RunId,
    RunState, RunSummary, Store, Task, TrialRecord, TrialState,
};

/// Runs, trials, curves, tasks and artifacts, kept. Clones share one opened archive.
///
/// What a [`Store`] can do an archive can do.
#[derive(Clone)]
pub struct Archive {
    store: Arc<dyn Store>,
}

impl Deref for Archive {
    type Target = dyn Store;

    fn deref(&self) -> &(dyn Store + 'static) {
        &*self.store
    }
}

impl Archive {
    /// Makes a new archive at `path`. Errors where something is there, or on a network file system.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self::over(Box::new(SqliteStore::create(path)?)))
    }

    /// Opens an archive to read and write; one of an older schema is brought up to date.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::over(Box::new(SqliteStore::open(path)?)))
    }

    /// Opens the archive at `path`, or makes it.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        if path.exists() { Self::open(path) } else { Self::create(path) }
    }

    /// Opens an archive to read: also one whose file or folder cannot be written.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        Ok(Self::over(Box::new(SqliteStore::open_read_only(path)?)))
    }

    /// An archive over any store.
    pub fn over(store: Box<dyn Store>) -> Self {
        Self { store: store.into() }
    }

    /// Begins a run. Its events go to the recorder.
    pub fn begin_run(&self, header: &RunHeader) -> Result<(RunId, RunRecorder)> {
        let run = RunId::new();
        self.store.begin_run(run, header)?;
        Ok((run, RunRecorder { store: self.store.clone(), run }))
    }

    /// Takes a run up again: its header, and the recorder for what follows its [`events`](Self::events).
    pub fn resume_run(&self, run: RunId) -> Result<(RunHeader, RunRecorder)> {
        let header = self.store.header(run)?;
        self.store.set_run_state(run, RunState::Running)?;
        Ok((header, RunRecorder { store: self.store.clone(), run }))
    }

    /// All [`events`](Self::events) of a run.
    pub fn history(&self, run: RunId) -> Result<Vec<Event>> {
        let mut history = Vec::new();
        self.each_event(run, &mut |event| {
            history.push(event);
            Ok(())
        })?;
        Ok(history)
    }

    /// What happened in a run, in the order of the strategy's calls: replaying it brings a fresh strategy to where
    /// it was. The events are read while they are used: a run of a million trials does not stand in memory.
    ///
    /// `Proposed` and `Told` stand exactly as they were recorded, each `Finished` right before its `Told`; that of a
    /// trial that was filtered out after the proposals of its ask. Trials
    /// that finished and were not told come with `Finished` at the end, by number; trials that were begun and did
    /// not finish come there with `Started` of their newest attempt (later ones must have higher numbers) and with
    /// `Finished` of every attempt that was cancelled.
    pub fn events(&self, run: RunId) -> impl Iterator<Item = Result<Event>> + use<> {
        const AHEAD: usize = 4096;
        let (sender, events) = std::sync::mpsc::sync_channel(AHEAD);
        let archive = self.clone();
        std::thread::spawn(move || {
            let read = archive.each_event(run, &mut |event| {
                // The error ends the reading; nobody is left to see it.
                sender.send(Ok(event)).map_err(|_| ArchiveError::NoSuchRun { run: run.to_string() })
            });
            if let Err(error) = read {
                let _ = sender.send(Err(error));
            }
        });
        events.into_iter()
    }

    fn each_event(&self, run: RunId, visit: &mut dyn FnMut(Event) -> Result<()>) -> Result<()> {
        let mut curves = BTreeMap::new();
        self.store.curves(run, &mut |trial, points| {
            curves.insert(trial, points);
            Ok(())
        })?;
        let mut cancelled: Vec<AttemptRecord> = self.store.attempts(run)?;
        cancelled.retain(|attempt| attempt.state == TrialState::Pending);
        // Trials come in the order in which they were proposed; what happens to one later waits for its step.
        let mut later: BTreeMap<(u64, TrialId), Vec<Event>> = BTreeMap::new();
        let (mut ask, mut filtered) = (None, Vec::new());
        self.store.trials(run, &mut |trial| {
            let is_filtered = trial.is_filtered();
            let TrialRecord { id, proposal, origin, scores, attempt, .. } = trial;
            let origin = origin.unwrap_or(Origin::WarmStart { sources: Vec::new() });
            let own_ask = if let Origin::Strategy { ask, .. } = &origin { Some(*ask) } else { None };
            if ask != own_ask {
                filtered.drain(..).try_for_each(&mut *visit)?;
                ask = own_ask;
            }
            while let Some(first) = later.first_entry().filter(|first| first.key().0 <= trial.proposed) {
                first.remove().into_iter().try_for_each(&mut *visit)?;
            }
            visit(Event::Proposed { trial: id, proposal, origin, scores })?;
            let mut events = Vec::new();
            if let Some(mut result) = trial.result {
                if let (Ok(outcome), Some(curve)) = (&mut result, curves.remove(&id)) {
                    outcome.curve = curve;
                }
                let wall_seconds = trial.wall_seconds.unwrap_or(0.0);
                let finished = Event::Finished { trial: id, attempt, result, wall_seconds };
                if is_filtered { filtered.push(finished) } else { events.push(finished) }
            } else if attempt > 0 {
                events.push(Event::Started { trial: id, attempt });
                events.extend(
                    cancelled.iter().filter(|attempt| attempt.trial == id).map(attempt_was_cancelled),
                );
            }
            if trial.told.is_some() {
                events.push(Event::Told { trial: id });
            }
            if !events.is_empty() {
                later.insert((trial.told.unwrap_or(u64::MAX), id), events);
            }
            Ok(())
        })?;
        filtered.into_iter().chain(later.into_values().flatten()).try_for_each(visit)
    }

    /// The run that a person means by `text`: a run's name, else an id, or the beginning or end of one.
    pub fn find_run(&self, text: &str) -> Result<RunSummary> {
        let answers = |run: &RunSummary| {
            let id = run.id.to_string();
            !text.is_empty() && (id.starts_with(text) || id.ends_with(text) || run.name == text)
        };
        let mut found: Vec<_> = self.store.runs()?.into_iter().filter(answers).collect();
        if found.iter().any(|run| run.name == text) {
            found.retain(|run| run.name == text);
        }
        match (found.pop(), found.len()) {
            (Some(run), 0) => Ok(run),
            (Some(_), n) => Err(ArchiveError::AmbiguousRun { text: text.into(), n: n + 1 }),
            (None, _) => Err(ArchiveError::NoSuchRun { run: text.into() }),
        }
    }

    /// The task under the key that it has here: its own, or, where that stands for other data, one with the beginning
    /// of its fingerprint. Tasks without data are told apart by their keys alone.
    pub fn known_as(&self, task: Task) -> Result<Task> {
        let is_other = |known: &Task| known.key == task.key && known.has_other_data(&task);
        Ok(if self.store.tasks()?.iter().any(is_other) { task.beside() } else { task })
    }

    /// Visits a run's trials, those with history first; of recorded evaluations the numbers go on from there.
    pub fn all_trials(&self, run: RunId, visit: &mut dyn FnMut(TrialRecord) -> Result<()>) -> Result<()> {
        let mut next = 0;
        self.store.trials(run, &mut |trial| {
            next = next.max(trial.id.0 + 1);
            visit(trial)
        })?;
        self.store.recorded(run, &mut |batch| {
            let first = next;
            next += batch.len() as u64;
            batch.trials(first).try_for_each(&mut *visit)
        })
    }

    /// Takes in every run, task, description and artifact of another archive that is not here, or is older here.
    /// Merging again changes nothing. One run is held in memory at a time.
    ///
    /// Records of the other archive that are damaged are left out, and named in the report; so are runs that went on in
    /// both archives, and those that are `at_work` here.
    pub fn merge(&self, other: &Archive, at_work: &HashSet<RunId>) -> Result<MergeReport> {
        let mut report = MergeReport::default();
        // What the tasks are called here.
        let mut keys = HashMap::new();
        for task in other.store.tasks()? {
            let theirs = task.key.clone();
            let task = self.known_as(task)?;
            self.store.put_task(&task)?;
            let known = self.store.meta_features(&task.key)?;
            for set in report
                .sound(format_args!("task `{theirs}`"), other.store.meta_features(&theirs))?
                .unwrap_or_default()
            {
                if !known.iter().any(|here| here.version == set.version) {
                    self.store.put_meta_features(&task.key, &set)?;
                }
            }
            keys.insert(theirs, task.key);
        }
        let here: HashMap<RunId, RunSummary> =
            self.store.runs()?.into_iter().map(|run| (run.id, run)).collect();
        let artifacts_before = self.store.stats()?.n_artifacts;
        let theirs = other.store.runs()?;
        let n_unread = other.store.stats()?.n_runs.values().sum::<u64>().saturating_sub(theirs.len() as u64);
        if n_unread > 0 {
            report.damaged.push(format!("{n_unread} runs cannot be read: `archive check` names them"));
        }
        // Tasks of which imported runs came in.
        let mut recorded = HashSet::new();
        for mut summary in theirs {
            if let Some(key) = keys.get(&summary.task) {
                summary.task.clone_from(key);
            }
            let whole = format!("run {}", summary.id);
            let known = here.get(&summary.id);
            // What has ended does not change.
            let same = known == Some(&summary) && summary.state != RunState::Running;
            let kept = if same || at_work.contains(&summary.id) {
                false
            } else {
                let Some(mut contents) = report.sound(&whole, other.store.contents(summary.id))? else {
                    continue;
                };
                contents.header.task.key.clone_from(&summary.task);
                rename_sources(&mut contents, &keys);
                match self.store.put_run(contents) {
                    Err(ArchiveError::Diverged { run }) => {
                        report.diverged.push(run);
                        continue;
                    }
                    kept => kept?,
                }
            };
            match (kept, known.is_some()) {
                (false, _) => report.unchanged += 1,
                (true, true) => report.updated += 1,
                (true, false) => report.added += 1,
            }
            if kept && summary.state == RunState::Imported {
                recorded.insert(summary.task.clone());
            }
            // Also of a run that is known: an earlier merge may have been ended before its artifacts came.
            let have = self.store.artifacts(summary.id)?;
            let references = report.sound(&whole, other.store.artifacts(summary.id))?.unwrap_or_default();
            for reference in references {
                let is_here = |known: &ArtifactReference| {
                    (known.trial, &known.name) == (reference.trial, &reference.name)
                };
                if !have.iter().any(is_here)
                    && let Some(bytes) = report.sound(&whole, other.store.artifact(&reference.hash))?
                {
                    self.store.put_artifact(summary.id, reference.trial, &reference.name, &bytes)?;
                }
            }
        }
        report.artifacts = self.store.stats()?.n_artifacts - artifacts_before;
        report.outgrown = self.withdraw_outgrown(&recorded)?;
        Ok(report)
    }
}

/// Keeps the events of one run.
///
/// Clones record into the same run, from any thread; their batches are committed together where they meet.
#[derive(Clone)]
pub struct RunRecorder {
    store: Arc<dyn Store>,
    run: RunId,
}

impl Recorder for RunRecorder {
    fn record(&mut self, events: &[Event]) -> Result<(), RecordError> {
        Ok(self.store.append(self.run, events)?)
    }
}

/// Names the past tasks that spoke for transferred trials as they are called where the run goes.
fn rename_sources(run: &mut RunContents, keys: &HashMap<String, String>) {
    for trial in &mut run.trials {
        let Some(Origin::WarmStart { sources }) = &mut trial.origin else { continue };
        for source in sources {
            if let Some(key) = keys.get(&source.task) {
                source.task.clone_from(key);
            }
        }
    }
}

fn attempt_was_cancelled(attempt: &AttemptRecord) -> Event {
    let wall_seconds = attempt.ended.and_then(|ended| ended.duration_since(attempt.started).ok());
    Event::Finished {
        trial: attempt.trial,
        attempt: attempt.number,
        result: Err(Failure::new(FailureKind::Cancelled, "the run was ended")),
        wall_seconds: wall_seconds.unwrap_or_default().as_secs_f64(),
    }
}
