//! Where the files of a run's trials are kept: weights, checkpoints.
//!
//! They lie beside the archive, which stays one small file that can be copied alone. Estimators make the folders, when
//! they have something to keep.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use heirloom_archive::RunId;
use tempfile::TempDir;

use crate::failure::OrFail;

/// The folder of a run of the archive at `archive`: `archive.heirloom.files/RUN`, absolute. It need not exist.
pub(crate) fn of_run(archive: &Path, run: RunId) -> miette::Result<PathBuf> {
    let mut folder = OsString::from(std::path::absolute(archive).or_fail()?);
    folder.push(".files");
    Ok(PathBuf::from(folder).join(run.to_string()))
}

/// Where runs that no archive keeps have their files for as long as they last.
pub(crate) struct Passing(TempDir);

/// A folder that goes with this.
pub(crate) struct PassingFolder(PathBuf);

impl Passing {
    pub(crate) fn new() -> miette::Result<Self> {
        tempfile::Builder::new().prefix("heirloom-").tempdir().map(Self).or_fail()
    }

    /// A folder for one run; `name` is of no other run at the same time. It is not made.
    pub(crate) fn folder(&self, name: &str) -> PassingFolder {
        PassingFolder(self.0.path().join(name))
    }
}

impl PassingFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PassingFolder {
    fn drop(&mut self) {
        // Mostly there is none; what cannot be removed now goes with the folder around it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_files_lie_beside_its_archive_wherever_it_is_named_from() {
        let run = RunId::new();
        let found = of_run(Path::new("somewhere/archive.heirloom"), run).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(found, here.join(format!("somewhere/archive.heirloom.files/{run}")));
    }
}
