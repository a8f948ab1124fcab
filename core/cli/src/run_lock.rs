//! A run is carried out by one process at a time.
//!
//! An archive lies on one machine, so a lock on the file `ARCHIVE-run-RUN` beside it is enough; the system gives it up
//! with the process that holds it, however that ends.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use heirloom_archive::RunId;

use crate::failure::Failure;
use crate::files::canonical;

/// The right to carry a run out, until it is dropped.
pub(crate) struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Takes the right to a run of the archive at `archive`, or says that another process has it.
    pub(crate) fn take(archive: &Path, run: RunId) -> miette::Result<Self> {
        // One place, whatever the archive is called.
        let archive = canonical(archive);
        loop {
            let (path, opened) = heirloom_archive::open_lock(&archive, &format!("run-{run}"));
            let fail = |error: io::Error| Failure::new(format!("cannot lock `{}`: {error}", path.display()));
            let file = opened.map_err(fail)?;
            match file.try_lock() {
                // Whoever had it may have removed the file since it was opened: another process would make a new one.
                Ok(()) if is_at(&file, &path) => return Ok(Self { path, _file: file }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Failure::new(format!(
                    "run `{run}` is being carried out by another process; hint: wait for it, or end it with Ctrl-C first"
                ))
                .into()),
                Err(TryLockError::Error(error)) => return Err(fail(error).into()),
            }
        }
    }
}

/// Whether an open file is the one that lies at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |data: Metadata| (data.dev(), data.ino());
    file.metadata().is_ok_and(|ours| path.metadata().is_ok_and(|there| identity(ours) == identity(there)))
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // An empty file that stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_lock_is_for_one_and_one_on_a_removed_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (archive, link, run) = (folder.path().join("a"), folder.path().join("link"), RunId::new());
        std::fs::write(&archive, "").unwrap();
        std::fs::set_permissions(&archive, Permissions::from_mode(0o660)).unwrap();
        std::os::unix::fs::symlink(&archive, &link).unwrap();
        let lock = RunLock::take(&archive, run).unwrap();
        assert_eq!(lock.path.metadata().unwrap().mode() & 0o777, 0o660);
        // Whatever the archive is called, and wherever temporary files lie.
        assert!(RunLock::take(&link, run).is_err());
        // Another process opens the file right before it is removed.
        let (late, path) = (File::open(&lock.path).unwrap(), lock.path.clone());
        assert!(is_at(&late, &path));
        drop(lock);
        late.try_lock().unwrap();
        assert!(!is_at(&late, &path));
        let again = RunLock::take(&archive, run).unwrap();
        assert!(!is_at(&late, &path) && again.path == path);
    }
}
