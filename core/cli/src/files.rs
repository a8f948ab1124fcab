//! Where the files of a run's trials are kept: weights, checkpoints.
//!
//! They lie beside the archive, which stays one small file that can be copied alone. Estimators make the folders, when
//! they have something to keep.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use heirloom_archive::RunId;
use tempfile::TempDir;

use crate::failure::{Failure, OrFail};

/// The folder of a run of the archive at `archive`: `archive.heirloom.files/RUN`, absolute. It need not exist.
pub(crate) fn of_run(archive: &Path, run: RunId) -> miette::Result<PathBuf> {
    let mut folder = OsString::from(std::path::absolute(archive).or_fail()?);
    folder.push(".files");
    Ok(PathBuf::from(folder).join(run.to_string()))
}

/// Refuses to write a result over what the command reads: the archive with the files beside it, or the run file.
pub(crate) fn spare(target: &Path, archive: &Path, run_file: Option<&Path>) -> miette::Result<()> {
    let archive = canonical(archive);
    let beside = ["", "-wal", "-shm", "-turn"].map(|ending| {
        let mut path = archive.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    });
    let place = canonical(target);
    let what = if beside.contains(&place) {
        "the archive"
    } else if run_file.is_some_and(|path| canonical(path) == place) {
        "the run file"
    } else {
        return Ok(());
    };
    let message =
        format!("`{}` belongs to {what}, and would be lost; hint: name another file", target.display());
    Err(Failure::usage(message).into())
}

/// The one path of a file, whether it is there or would be made.
fn canonical(path: &Path) -> PathBuf {
    let folder = || path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = || Some(folder().canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(new).unwrap_or_else(|| path.to_owned())
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
    fn results_are_not_written_over_the_archive_or_the_run_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.heirloom", "run.toml"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::os::unix::fs::symlink(path("a.heirloom"), path("link.csv")).unwrap();
        let spare = |name: &str| spare(&path(name), &path("a.heirloom"), Some(&path("run.toml")));
        for name in ["a.heirloom", "./a.heirloom", "link.csv", "a.heirloom-wal", "run.toml"] {
            assert!(spare(name).is_err(), "{name}");
        }
        for name in ["a.csv", "b.heirloom", "nowhere/a.heirloom"] {
            spare(name).unwrap();
        }
    }

    #[test]
    fn a_runs_files_lie_beside_its_archive_wherever_it_is_named_from() {
        let run = RunId::new();
        let found = of_run(Path::new("somewhere/archive.heirloom"), run).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(found, here.join(format!("somewhere/archive.heirloom.files/{run}")));
    }
}
