//! Files that are there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::ExportError;

/// Writes `bytes` under a temporary name beside `path`, brings them to the disk and renames: whoever reads `path`
/// finds the old content or the new, never a part, even after a power cut.
///
/// Errors with [`ExportError::Io`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    write_renamed(path, bytes).map_err(|source| ExportError::Io {
        path: path.into(),
        action: "written",
        source,
    })
}

fn write_renamed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
        // The disk may be full: what is half there helps nobody, and the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_folder(path)
}

/// Processes on one folder do not meet: the name holds the process's number.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// A rename is kept only once the folder is on the disk too.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
