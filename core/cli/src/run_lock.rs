//! A run is carried out by one process at a time.
//!
//! An archive lies on one machine, so a lock on a file of the temporary folder is enough; the system gives it up with
//! the process that holds it, however that ends.

use std::fs::{File, Metadata, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use heirloom_archive::RunId;

use crate::failure::Failure;

/// The right to carry a run out, until it is dropped.
pub(crate) struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Takes the right, or says that another process has it.
    pub(crate) fn take(run: RunId) -> miette::Result<Self> {
        let path = std::env::temp_dir().join(format!("heirloom-run-{run}.lock"));
        let fail = |error| Failure::new(format!("cannot lock `{}`: {error}", path.display()));
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
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
    use super::*;

    #[test]
    fn a_lock_is_for_one_and_one_on_a_removed_file_is_none() {
        let run = RunId::new();
        let lock = RunLock::take(run).unwrap();
        assert!(RunLock::take(run).is_err());
        // Another process opens the file right before it is removed.
        let (late, path) = (File::open(&lock.path).unwrap(), lock.path.clone());
        assert!(is_at(&late, &path));
        drop(lock);
        late.try_lock().unwrap();
        assert!(!is_at(&late, &path));
        let again = RunLock::take(run).unwrap();
        assert!(!is_at(&late, &path) && again.path == path);
    }
}
