//! What others recorded, brought into an archive.
//!
//! Each reader turns its format into whole runs, one for each task and space, that the store keeps once: a run's id
//! follows from its content, so that importing again adds nothing. A recording that has grown takes the place of the
//! shorter one.

mod arff;
mod aslib;
mod columns;
mod hpob;
mod optuna;
mod recording;
mod table;

use std::collections::HashMap;
use std::path::Path;

use heirloom_model::Objective;
use serde::Serialize;

use crate::{Archive, ArchiveError, Evaluations, Result, RunContents, RunId, RunState, RunSummary, pack};
use recording::Recording;

/// Where recorded evaluations come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// Who published them and where, such as `HPO-B v3`.
    pub source: String,
    /// Under which licence; empty where it is not known.
    pub licence: String,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImportReport {
    /// Runs that were added, or replaced by a newer state.
    pub n_added: u64,
    /// Runs that were here already.
    pub n_known: u64,
    /// Evaluations in the runs that were added.
    pub n_evaluations: u64,
    /// Evaluations that could not be taken over.
    pub n_left_out: u64,
    /// What a person should know of what was assumed or left out.
    pub notes: Vec<String>,
}

/// An import on its way.
struct Import<'a> {
    archive: &'a Archive,
    report: ImportReport,
    /// Runs that were imported before and count, by task.
    here: HashMap<String, Vec<RunSummary>>,
    /// Those of them that are the beginning of what came in now, and those that record the same otherwise.
    outgrown: Vec<RunId>,
    others: Vec<RunId>,
}

impl<'a> Import<'a> {
    fn new(archive: &'a Archive) -> Result<Self> {
        let mut here: HashMap<String, Vec<RunSummary>> = HashMap::new();
        let counts = |run: &RunSummary| run.state == RunState::Imported && run.withdrawn.is_none();
        for run in archive.runs()?.into_iter().filter(counts) {
            here.entry(run.task.clone()).or_default().push(run);
        }
        Ok(Self { archive, report: ImportReport::default(), here, outgrown: Vec::new(), others: Vec::new() })
    }

    /// Keeps a run and counts it.
    fn keep(&mut self, run: RunContents) -> Result<()> {
        let n = run.trials.len() as u64 + n_rows(&run.evaluations);
        if n == 0 {
            return Ok(());
        }
        if self.archive.put_run(run)? {
            self.report.n_added += 1;
            self.report.n_evaluations += n;
        } else {
            self.report.n_known += 1;
        }
        Ok(())
    }

    /// Keeps recorded evaluations, unless they are here, under whatever source they came and be it with more after
    /// them. What was imported while the table was shorter is withdrawn: its rows would count twice.
    fn keep_recording(&mut self, recording: Recording) -> Result<()> {
        let space = recording.space().clone();
        let (run, older) = recording.finish();
        let n = n_rows(&run.evaluations);
        if n == 0 {
            return Ok(());
        }
        let is_here = |id| self.archive.header(id).is_ok();
        if is_here(run.id) || is_here(older) {
            self.report.n_known += 1;
            return Ok(());
        }
        let name = |objectives: &[Objective]| objectives.first().map(|objective| objective.name.clone());
        let (mut outgrown, mut others) = (Vec::new(), Vec::new());
        for other in self.here.get(&run.header.task.key).into_iter().flatten() {
            if other.space != space || name(&other.objectives) != name(&run.header.objectives) {
                continue;
            }
            if !self.agrees(other, &run.evaluations)? {
                others.push(other.id);
            } else if other.n_trials <= n {
                outgrown.push(other.id);
            } else {
                self.report.n_known += 1;
                return Ok(());
            }
        }
        let reason = format!("its evaluations stand in run {} too, which was imported later", run.id);
        // Before the longer one is here: where an import is cut off between the two, the next one mends it.
        outgrown.iter().try_for_each(|&run| self.archive.withdraw(run, Some(&reason)))?;
        self.outgrown.append(&mut outgrown);
        self.others.append(&mut others);
        self.keep(run)
    }

    /// Whether of the rows of a run that is here and `evaluations` one are the first of the other.
    fn agrees(&self, run: &RunSummary, evaluations: &[Evaluations]) -> Result<bool> {
        let mut batches = evaluations.iter();
        let (mut agrees, mut n_here) = (true, 0);
        let read = self.archive.recorded(run.id, &mut |here| {
            agrees &= batches.next().is_none_or(|batch| agree(batch, &here));
            n_here += here.len() as u64;
            Ok(())
        });
        match read {
            Err(error) if error.is_damage() => Ok(false),
            // Trials with history, as of a study, are no rows.
            read => read.map(|()| agrees && n_here == run.n_trials),
        }
    }

    /// What was done.
    fn finish(self) -> ImportReport {
        const SHOWN: usize = 12;
        let mut report = self.report;
        let shown = |runs: &[RunId]| {
            let ids: Vec<_> = runs.iter().take(SHOWN).map(RunId::to_string).collect();
            format!("{}{}", ids.join(" "), if runs.len() > SHOWN { " …" } else { "" })
        };
        if !self.outgrown.is_empty() {
            report.notes.push(format!(
                "{} runs that were imported before stand in the new ones as a whole, and were withdrawn: {}",
                self.outgrown.len(),
                shown(&self.outgrown)
            ));
        }
        if !self.others.is_empty() {
            report.notes.push(format!(
                "{} runs that were imported before record other values of the same tasks, and count beside \
                 the new ones; hint: if they are out of date, `heirloom archive withdraw {} --because REASON`",
                self.others.len(),
                shown(&self.others)
            ));
        }
        report
    }
}

fn n_rows(batches: &[Evaluations]) -> u64 {
    batches.iter().map(Evaluations::len).sum::<usize>() as u64
}

/// Whether the rows of one batch are the first of the other's, to the bit. Nothing is learned from metrics: they may
/// differ.
fn agree(a: &Evaluations, b: &Evaluations) -> bool {
    let columns = |batch: &Evaluations| {
        let numbers = [&batch.configurations, &batch.fidelities, &batch.objectives, &batch.cost_seconds];
        numbers.map(|column| pack::numbers(column)).into_iter().chain([batch.failures.clone()])
    };
    columns(a).zip(columns(b)).all(|(a, b)| a.starts_with(&b) || b.starts_with(&a))
}

fn import_error(file: &Path, problem: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Import { file: file.display().to_string(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests;
