//! A worker's scratch folder: the one place where every plugin may write, removed with the worker.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

/// The names of scratch folders begin so; the host's number and a counter follow.
const PREFIX: &str = "heirloom-scratch-";

/// More entries than this count as a folder that is full.
const MAX_ENTRIES: u64 = 100_000;

/// A new folder that only this user can enter; dropping it removes it.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        static SWEEP: Once = Once::new();
        let place = std::env::temp_dir();
        SWEEP.call_once(|| sweep(&place));
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let folder = place.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Self(folder)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let message = format!(
                        "its scratch folder `{}` cannot be made: {error}; hint: set `TMPDIR` to a folder that can \
                         be written",
                        folder.display()
                    );
                    return Err(io::Error::new(error.kind(), message));
                }
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Bytes on disk; more than `enough` where there are too many entries to count. Stops counting there.
    pub(super) fn size(&self, enough: u64) -> u64 {
        let (mut bytes, mut n_entries, mut folders) = (0, 0, vec![self.0.clone()]);
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(folder) {
                Ok(entries) => entries,
                // So deep is only what shall not be found.
                Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
                    return enough.saturating_add(1);
                }
                Err(_) => continue,
            };
            for entry in entries.flatten() {
                let Ok(data) = entry.metadata() else { continue };
                bytes += data.blocks() * 512;
                n_entries += 1;
                if data.is_dir() {
                    folders.push(entry.path());
                }
                if n_entries > MAX_ENTRIES || bytes > enough {
                    return bytes.max(enough.saturating_add(1));
                }
            }
        }
        bytes
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!("the scratch folder `{}` cannot be removed: {error}", self.0.display());
        }
    }
}

/// Removes a folder whose content is not trusted: however deep it is, no path becomes long, and links are not
/// followed.
fn remove(root: &Path) -> io::Result<()> {
    match fs::remove_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
        done => return done,
    }
    let mut n_moved = 0_u64;
    loop {
        let mut is_empty = true;
        for entry in fs::read_dir(root)? {
            is_empty = false;
            let entry = entry?;
            let path = entry.path();
            if !entry.file_type()?.is_dir() {
                fs::remove_file(&path)?;
                continue;
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
            // A folder's folders move up, so that none has to be entered twice.
            for inner in fs::read_dir(&path)? {
                let inner = inner?;
                if inner.file_type()?.is_dir() {
                    // What cannot be written cannot be moved either.
                    fs::set_permissions(inner.path(), fs::Permissions::from_mode(0o700))?;
                    n_moved += 1;
                    fs::rename(inner.path(), root.join(format!("{PREFIX}{n_moved}")))?;
                } else {
                    fs::remove_file(inner.path())?;
                }
            }
            fs::remove_dir(&path)?;
        }
        if is_empty {
            return fs::remove_dir(root);
        }
    }
}

/// Removes what hosts left that were killed.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let host = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        let Some(host): Option<i32> = host else { continue };
        // SAFETY: signal 0 asks whether the process is there.
        let is_gone = unsafe { libc::kill(host, 0) } < 0
            && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
        // SAFETY: asks for a number.
        let user = unsafe { libc::geteuid() };
        if is_gone && entry.metadata().is_ok_and(|data| data.is_dir() && data.uid() == user) {
            // Another host may be at it as well.
            let _ = remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_measured_and_removed_with_everything_in_it_but_not_what_links_name() {
        let kept = tempfile::tempdir().unwrap();
        fs::write(kept.path().join("kept"), "x").unwrap();
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        assert_eq!(scratch.size(1_000), 0);
        fs::write(path.join("file"), vec![1; 100_000]).unwrap();
        let size = scratch.size(u64::MAX);
        assert!((100_000..200_000).contains(&size), "{size}");
        // From the inside out, because the innermost path is longer than the system takes.
        fs::create_dir(path.join("0")).unwrap();
        fs::write(path.join("0/file"), vec![1; 100_000]).unwrap();
        for depth in 1..600 {
            let folder = path.join(depth.to_string());
            fs::create_dir(&folder).unwrap();
            fs::rename(path.join((depth - 1).to_string()), folder.join("nested-folder")).unwrap();
        }
        assert_eq!(scratch.size(1 << 40), (1 << 40) + 1);
        std::os::unix::fs::symlink(kept.path(), path.join("link")).unwrap();
        fs::create_dir(path.join("closed")).unwrap();
        fs::write(path.join("closed/file"), "x").unwrap();
        fs::set_permissions(path.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        assert!(scratch.size(50_000) > 50_000);
        drop(scratch);
        assert!(!path.exists());
        assert!(kept.path().join("kept").exists());
    }

    #[test]
    fn what_a_killed_host_left_is_swept_and_what_a_living_one_uses_stays() {
        let place = tempfile::tempdir().unwrap();
        // No system gives a process so large a number.
        let left = place.path().join(format!("{PREFIX}2147483646-0"));
        let used = place.path().join(format!("{PREFIX}{}-0", std::process::id()));
        for folder in [&left, &used] {
            fs::create_dir_all(folder.join("inner")).unwrap();
        }
        sweep(place.path());
        assert!(!left.exists() && used.exists());
    }
}
