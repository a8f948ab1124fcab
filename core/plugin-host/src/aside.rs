//! Files that another process may be reading while they are written.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

/// Writes a file beside its place and moves it there: whoever reads it, or finds it after a crash, has all of the old
/// one or all of the new one.
pub(crate) fn write(path: &Path, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let new = path.with_file_name(name);
    fs::write(&new, contents)?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn who_reads_a_file_that_is_written_anew_has_all_of_the_old_one_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write(&path, "the old one").unwrap();
        let (mut reader, mut read) = (fs::File::open(&path).unwrap(), String::new());
        write(&path, "the new one").unwrap();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!((read, fs::read_to_string(&path).unwrap()), ("the old one".into(), "the new one".into()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
