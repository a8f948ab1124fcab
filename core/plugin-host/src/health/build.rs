//! Which build of a plugin a crash belongs to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Tells builds of one version apart by their files' size and time: reading a library of a hundred megabytes to hash it
/// would cost more than a worker's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Build {
    bytes: u64,
    /// Nanoseconds since 1970, of the newest file.
    changed: u64,
}

impl Build {
    /// The build of the libraries and the folders of source at `paths`, taken together.
    pub(super) fn of<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        let mut build = Self::default();
        let mut left: Vec<PathBuf> = paths.map(Path::to_owned).collect();
        while let Some(path) = left.pop() {
            let Ok(data) = fs::metadata(&path) else { continue };
            if data.is_dir() {
                let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                // Environments and caches are not the plugin.
                let own = entries.filter(|entry| {
                    let name = entry.file_name();
                    !name.to_string_lossy().starts_with(['.', '_'])
                        && !entry.file_type().is_ok_and(|t| t.is_symlink())
                });
                left.extend(own.map(|entry| entry.path()));
                continue;
            }
            let changed = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let changed = changed.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            build = Self { bytes: build.bytes + data.len(), changed: build.changed.max(changed) };
        }
        build
    }
}
