//! Where the files of a run's trials are kept: weights, checkpoints.
//!
//! They lie beside the archive, which stays small. Estimators make the folders, when they have something to keep.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use heirloom_archive::RunId;
use tempfile::{NamedTempFile, TempDir};

use crate::failure::{Failure, OrFail};

/// The folder of a run of the archive at `archive`: `archive.heirloom.files/RUN`, absolute. It need not exist.
pub(crate) fn of_run(archive: &Path, run: RunId) -> miette::Result<PathBuf> {
    // One place, whatever the archive is called.
    let mut folder = OsString::from(std::path::absolute(canonical(archive)).or_fail()?);
    folder.push(".files");
    Ok(PathBuf::from(folder).join(run.to_string()))
}

/// Copies the files of a run from beside one archive to beside another, where they are not there yet or are older.
/// Returns how many were copied; `from` may be a run that is being carried out.
pub(crate) fn copy(from: &Path, to: &Path, run: RunId) -> miette::Result<u64> {
    let (from, to) = (of_run(from, run)?, of_run(to, run)?);
    let mut n_copied = 0;
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let here = from.join(&folder);
        let fail = |error: io::Error| Failure::new(format!("cannot copy `{}`: {error}", here.display()));
        let entries = match std::fs::read_dir(&here) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.map_err(fail)?,
        };
        for entry in entries {
            let entry = entry.map_err(fail)?;
            let place = folder.join(entry.file_name());
            let kind = entry.file_type().map_err(fail)?;
            if kind.is_dir() {
                folders.push(place);
            } else if kind.is_file() {
                n_copied += u64::from(copy_file(&entry.path(), &to.join(place)).map_err(fail)?);
            }
        }
    }
    Ok(n_copied)
}

/// Copies a file that has changed since it was copied last; one that has gone meanwhile is none.
fn copy_file(from: &Path, to: &Path) -> io::Result<bool> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let copied = from.metadata().and_then(|now| {
        let is_it = |there: Metadata| {
            let changed = (there.modified().ok(), now.modified().ok());
            there.len() == now.len() && changed.0 >= changed.1
        };
        if to.metadata().is_ok_and(is_it) {
            return Ok(false);
        }
        std::fs::create_dir_all(folder)?;
        // Under another name until it is whole.
        let whole = NamedTempFile::new_in(folder)?;
        std::fs::copy(from, whole.path())?;
        whole.as_file().sync_all()?;
        whole.persist(to)?;
        Ok(true)
    });
    match copied {
        Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => Ok(false),
        copied => copied,
    }
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
pub(crate) fn canonical(path: &Path) -> PathBuf {
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
    fn files_go_along_with_a_merge_and_only_what_has_changed_goes_again() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to, run) = (folder.path().join("a"), folder.path().join("b"), RunId::new());
        assert_eq!(copy(&from, &to, run).unwrap(), 0);
        let weights = |archive: &Path| of_run(archive, run).unwrap().join("trial-0/weights");
        std::fs::create_dir_all(weights(&from).parent().unwrap()).unwrap();
        for text in ["first", "trained further"] {
            std::fs::write(weights(&from), text).unwrap();
            assert_eq!(copy(&from, &to, run).unwrap(), 1);
            assert_eq!(copy(&from, &to, run).unwrap(), 0);
            assert_eq!(std::fs::read_to_string(weights(&to)).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(weights(&to).parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_runs_files_lie_beside_its_archive_wherever_it_is_named_from() {
        let run = RunId::new();
        let found = of_run(Path::new("somewhere/archive.heirloom"), run).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(found, here.join(format!("somewhere/archive.heirloom.files/{run}")));
        let folder = tempfile::tempdir().unwrap();
        let (archive, link) = (folder.path().join("archive"), folder.path().join("link"));
        std::os::unix::fs::symlink(&archive, &link).unwrap();
        std::fs::write(&archive, "").unwrap();
        assert_eq!(of_run(&link, run).unwrap(), of_run(&archive, run).unwrap());
    }
}
