//! What others recorded, brought into an archive.
//!
//! Each reader turns its format into whole runs, one for each task and space, that the store keeps once: a run's id
//! follows from its content, so that importing again adds nothing.

mod arff;
mod aslib;
mod columns;
mod hpob;
mod optuna;
mod recording;
mod table;

use std::path::Path;

use serde::Serialize;

use crate::{Archive, ArchiveError, Result, RunContents};
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

impl ImportReport {
    /// Keeps a run and counts it.
    fn keep(&mut self, archive: &Archive, run: RunContents) -> Result<()> {
        let n = run.trials.len() + run.evaluations.iter().map(crate::Evaluations::len).sum::<usize>();
        if n == 0 {
            return Ok(());
        }
        if archive.put_run(run)? {
            self.n_added += 1;
            self.n_evaluations += n as u64;
        } else {
            self.n_known += 1;
        }
        Ok(())
    }

    /// Keeps recorded evaluations, unless they are here, under whatever source they came.
    fn keep_recording(&mut self, archive: &Archive, recording: Recording) -> Result<()> {
        let (run, older) = recording.finish();
        if archive.header(older).is_ok() {
            self.n_known += 1;
            return Ok(());
        }
        self.keep(archive, run)
    }
}

fn import_error(file: &Path, problem: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Import { file: file.display().to_string(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests;
