//! A run is carried out by one process at a time.
//!
//! An archive lies on one machine, so a lock on a file of the temporary folder is enough; the system gives it up with
//! the process that holds it, however that ends.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use heirloom_archive::RunId;

use crate::failure::{Failure, OrFail};

/// The right to carry a run out, until it is dropped.
pub(crate) struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Takes the right, or says that another process has it.
    pub(crate) fn take(run: RunId) -> miette::Result<Self> {
        let path = std::env::temp_dir().join(format!("heirloom-run-{run}.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&path).or_fail()?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _file: file }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
                "run `{run}` is being carried out by another process; hint: wait for it, or end it with Ctrl-C first"
            ))
            .into()),
            Err(TryLockError::Error(error)) => Err(Failure::new(error).into()),
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // An empty file that stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}
