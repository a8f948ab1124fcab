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

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use heirloom_model::space::{OutOfRange, SpaceMapping};
use heirloom_model::{Configuration, Objective, Space};
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
    /// Why nothing is learned from runs that were withdrawn.
    withdrawn: HashMap<RunId, String>,
}

impl<'a> Import<'a> {
    fn new(archive: &'a Archive) -> Result<Self> {
        let mut here: HashMap<String, Vec<RunSummary>> = HashMap::new();
        let mut withdrawn = HashMap::new();
        for run in archive.runs()?.into_iter().filter(|run| run.state == RunState::Imported) {
            if let Some(reason) = run.withdrawn {
                withdrawn.insert(run.id, reason);
            } else {
                here.entry(run.task.clone()).or_default().push(run);
            }
        }
        let report = ImportReport::default();
        Ok(Self { archive, report, here, outgrown: Vec::new(), others: Vec::new(), withdrawn })
    }

    /// Says of a run that comes in again that nothing is learned from it.
    fn note_withdrawal(&mut self, run: RunId) {
        // One that stands in a longer one is known, and nobody wants it back.
        let reason = self.withdrawn.get(&run).filter(|reason| !reason.starts_with(STANDS_IN));
        if let Some(reason) = reason {
            self.report.notes.push(format!(
                "nothing is learned from run {run}, which was withdrawn: {reason}; hint: \
                 `heirloom archive withdraw {run} --undo`"
            ));
        }
    }

    /// Keeps a run and counts it.
    fn keep(&mut self, run: RunContents) -> Result<()> {
        let n = run.trials.len() as u64 + n_rows(&run.evaluations);
        if n == 0 {
            return Ok(());
        }
        self.note_withdrawal(run.id);
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
        let (run, older) = recording.finish();
        let n = n_rows(&run.evaluations);
        if n == 0 {
            return Ok(());
        }
        if let Some(known) = [run.id, older].into_iter().find(|id| self.archive.header(*id).is_ok()) {
            self.note_withdrawal(known);
            self.report.n_known += 1;
            return Ok(());
        }
        let space = Space::compile(run.header.space.clone())?;
        let (mut outgrown, mut others) = (Vec::new(), Vec::new());
        for other in self.here.get(&run.header.task.key).into_iter().flatten() {
            if first_name(&other.objectives) != first_name(&run.header.objectives) {
                continue;
            }
            if !self.archive.agrees(other, &space, &run.evaluations)? {
                others.push(other.id);
            } else if other.n_trials <= n {
                outgrown.push(other.id);
            } else {
                self.report.n_known += 1;
                return Ok(());
            }
        }
        let reason = stands_in(run.id);
        // Before the longer one is here: where an import is cut off between the two, the next one mends it.
        outgrown.iter().try_for_each(|&run| self.archive.withdraw(run, Some(&reason)))?;
        self.outgrown.append(&mut outgrown);
        self.others.append(&mut others);
        self.keep(run)
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

impl Archive {
    /// Withdraws imported runs of these tasks whose evaluations stand in another one of the same objective as a whole, as
    /// after a merge with an archive that had imported less or more of a table: its rows would count twice.
    pub(crate) fn withdraw_outgrown(&self, tasks: &HashSet<String>) -> Result<Vec<RunId>> {
        let counts = |run: &RunSummary| run.state == RunState::Imported && run.withdrawn.is_none();
        let mut runs = self.runs()?;
        runs.retain(|run| counts(run) && tasks.contains(&run.task));
        // The longest first; of two that are the same one stays, wherever they meet.
        runs.sort_by_key(|run| Reverse((run.n_trials, run.id)));
        let mut outgrown = Vec::new();
        for (place, long) in runs.iter().enumerate() {
            let is_alike = |short: &&RunSummary| {
                short.task == long.task
                    && first_name(&short.objectives) == first_name(&long.objectives)
                    && !outgrown.contains(&short.id)
            };
            let shorter: Vec<&RunSummary> = runs[place + 1..].iter().filter(is_alike).collect();
            if shorter.is_empty() || outgrown.contains(&long.id) {
                continue;
            }
            let Some((space, evaluations)) = self.whole_recording(long)? else { continue };
            for short in shorter {
                if self.agrees(short, &space, &evaluations)? {
                    self.withdraw(short.id, Some(&stands_in(long.id)))?;
                    outgrown.push(short.id);
                }
            }
        }
        Ok(outgrown)
    }

    /// The space and all evaluations of an imported run; `None` where it is damaged, or has trials with history.
    fn whole_recording(&self, run: &RunSummary) -> Result<Option<(Space, Vec<Evaluations>)>> {
        let mut evaluations = Vec::new();
        let read = self.recorded(run.id, &mut |batch| {
            evaluations.push(batch);
            Ok(())
        });
        match read {
            Err(error) if error.is_damage() => return Ok(None),
            read => read?,
        }
        let space = self.space(&run.space)?.map(Space::compile).transpose()?;
        Ok(space.filter(|_| n_rows(&evaluations) == run.n_trials).map(|space| (space, evaluations)))
    }

    /// Whether of the rows of a run that is here and `evaluations`, points of `space`, one are the first of the other.
    /// A run of another space is compared as it is mapped.
    fn agrees(&self, run: &RunSummary, space: &Space, evaluations: &[Evaluations]) -> Result<bool> {
        let mapping = match &run.space {
            same if same == space.hash() => None,
            other => match self.space(other)?.map(Space::compile).transpose()? {
                None => return Ok(false),
                Some(from) => Some(SpaceMapping::new(&from, space, OutOfRange::LeaveOut)),
            },
        };
        let mut batches = evaluations.iter();
        let (mut agrees, mut n_here) = (true, 0);
        let read = self.recorded(run.id, &mut |here| {
            n_here += here.len() as u64;
            if let Some(batch) = batches.next() {
                agrees &= match &mapping {
                    None => agree(batch, &here),
                    Some(mapping) => {
                        mapped(here, batch.len(), mapping).is_some_and(|here| agree(batch, &here))
                    }
                };
            }
            Ok(())
        });
        match read {
            Err(error) if error.is_damage() => Ok(false),
            // Trials with history, as of a study, are no rows.
            read => read.map(|()| agrees && n_here == run.n_trials),
        }
    }
}

/// The first `n` configurations as points of another space, with all else that was recorded; `None` where one has no
/// place there.
fn mapped(mut batch: Evaluations, n: usize, mapping: &SpaceMapping) -> Option<Evaluations> {
    let width = batch.configurations.len() / batch.len().max(1);
    let rows = batch.configurations.chunks_exact(width.max(1)).take(n);
    let rows = rows.map(|row| mapping.map(&Configuration::new(row)).ok());
    let rows: Vec<Configuration> = rows.collect::<Option<_>>()?;
    batch.configurations = rows.iter().flat_map(Configuration::values).copied().collect();
    Some(batch)
}

fn first_name(objectives: &[Objective]) -> Option<String> {
    objectives.first().map(|objective| objective.name.clone())
}

/// How the reason begins for which a recording is withdrawn that another one holds as a whole.
const STANDS_IN: &str = "its evaluations stand in run ";

fn stands_in(run: RunId) -> String {
    format!("{STANDS_IN}{run} too, which holds them as a whole")
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
