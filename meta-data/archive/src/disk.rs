//! What an archive must know of the disk it lies on.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::{ArchiveError, Result};

/// File systems whose locks or flushes do not hold across machines.
const NETWORK: [&str; 15] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "ncpfs",
    "ceph",
    "glusterfs",
    "lustre",
    "beegfs",
    "gpfs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.ceph",
];

/// Refuses a path on a network file system. Where the system does not list its mounts (outside Linux) nothing is
/// refused.
pub(crate) fn refuse_network(path: &Path) -> Result<()> {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(|error| ArchiveError::io(folder, error))?;
    match file_system(&folder, &mounts) {
        Some(kind) if NETWORK.contains(&kind) => {
            Err(ArchiveError::NetworkFileSystem { path: path.into(), kind: kind.into() })
        }
        _ => Ok(()),
    }
}

/// Whether a file and its folder can be written by this process.
pub(crate) fn is_writable(path: &Path) -> bool {
    File::options().append(true).open(path).is_ok()
}

/// Opens the file `ARCHIVE-NAME` for its lock alone, made where there is none, and says where it lies. Whoever may write
/// the archive may take the lock, whatever mask the file's maker had: it gets the archive's mode, and need not be written
/// to be locked.
pub fn open_lock(archive: &Path, name: &str) -> (PathBuf, io::Result<File>) {
    let mut path = archive.as_os_str().to_owned();
    path.push(format!("-{name}"));
    let path = PathBuf::from(path);
    let opened = loop {
        match File::options().create_new(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => break made.inspect(|file| give_mode(file, archive)),
        }
        match File::open(&path) {
            // Its last holder has removed it meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => break opened,
        }
    };
    (path, opened)
}

/// Where this fails the file is as its maker's mask has it.
fn give_mode(file: &File, archive: &Path) {
    let _ = std::fs::metadata(archive).and_then(|archive| file.set_permissions(archive.permissions()));
}

/// The type of the file system that holds `folder`: of the longest mount point that leads to it, the last one
/// mounted there. Lines are `id parent device root MOUNT-POINT options [tags…] - TYPE source options`.
fn file_system<'a>(folder: &Path, mounts: &'a str) -> Option<&'a str> {
    let entry = |line: &'a str| {
        let (left, right) = line.split_once(" - ")?;
        let point = PathBuf::from(unescape(left.split(' ').nth(4)?));
        folder.starts_with(&point).then(|| (point.components().count(), right.split(' ').next()))
    };
    mounts.lines().filter_map(entry).max_by_key(|(length, _)| *length)?.1
}

/// Mount points write a space as `\040`.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /home rw shared:20 - nfs4 server:/home rw
41 40 8:2 / /home/local\\040disk rw - xfs /dev/sdb1 rw
42 22 0:40 / /mnt rw - ext4 /dev/sdc1 rw
43 42 0:41 / /mnt rw - fuse.sshfs host: rw";

    #[test]
    fn the_nearest_mount_decides() {
        let kind = |folder: &str| file_system(Path::new(folder), MOUNTS);
        assert_eq!(kind("/tmp/x"), Some("ext4"));
        assert_eq!(kind("/home/me"), Some("nfs4"));
        assert_eq!(kind("/home/local disk/me"), Some("xfs"));
        assert_eq!(kind("/homely"), Some("ext4"));
        assert_eq!(kind("/mnt"), Some("fuse.sshfs"), "the later mount hides the earlier");
    }
}
