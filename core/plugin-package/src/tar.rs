//! The small part of the tar format that packages are made of: plain files, one header of 512 bytes each.
//!
//! The general format has links, devices, long names in entries of their own and numbers in three notations; a reader
//! of all that is a large surface for a file from a stranger. What is not a plain file is refused by its kind.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;

/// Why a stream is not as packages are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarProblem {
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A header is no header.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// An entry is no plain file.
    #[error("`{path}` is {kind}; only plain files are unpacked")]
    Kind {
        /// The entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
}

/// Writes plain files, one after the other.
pub(crate) struct TarWriter<W: Write>(W);

impl<W: Write> TarWriter<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self(writer)
    }

    /// Adds a file; `path` is at most 100 bytes long, and `reader` gives exactly `size` bytes.
    ///
    /// Owners, times and rights are the same for all: the same files give the same package.
    pub(crate) fn file(&mut self, path: &str, size: u64, reader: &mut dyn Read) -> io::Result<()> {
        let mut header = [0; BLOCK];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum = checksum(&header);
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.write_all(&header)?;
        let n_bytes = io::copy(&mut reader.take(size), &mut self.0)?;
        if n_bytes != size {
            return Err(io::Error::other(format!("`{path}` became shorter while it was packed")));
        }
        self.0.write_all(&[0; BLOCK][..padding(size)])
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.0.write_all(&[0; 2 * BLOCK])?;
        Ok(self.0)
    }
}

/// The header of one plain file.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) path: String,
    pub(crate) size: u64,
}

/// Reads the next header; `None` at the end of the archive. Afterwards the file's bytes follow, then [`padding`].
pub(crate) fn next_header(reader: &mut dyn Read) -> Result<Option<Header>, TarProblem> {
    let mut header = [0; BLOCK];
    reader.read_exact(&mut header)?;
    if header == [0; BLOCK] {
        return Ok(None);
    }
    if number(&header[148..156]) != Some(checksum(&header)) {
        return Err(TarProblem::Damaged("the checksum of a header is wrong"));
    }
    let name = header[..100].split(|byte| *byte == 0).next().unwrap_or_default();
    let path = String::from_utf8_lossy(name).into_owned();
    let kind = match header[156] {
        b'0' | 0 => None,
        b'1' => Some("a hard link"),
        b'2' => Some("a symbolic link"),
        b'3' | b'4' => Some("a device"),
        b'5' => Some("a folder"),
        b'6' => Some("a pipe"),
        b'L' | b'K' | b'x' | b'g' => Some("a long name in an entry of its own"),
        _ => Some("of an unknown kind"),
    };
    if let Some(kind) = kind {
        return Err(TarProblem::Kind { path, kind });
    }
    if header[345..500].iter().any(|byte| *byte != 0) {
        return Err(TarProblem::Damaged("a path is in two parts"));
    }
    let size = number(&header[124..136]).ok_or(TarProblem::Damaged("the size of a file is no number"))?;
    Ok(Some(Header { path, size }))
}

/// How many bytes follow a file's own until the next header.
pub(crate) fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

/// Octal digits, ended by zeros and spaces.
fn number(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_end_matches(['\0', ' ']);
    if text.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        u64::from_str_radix(text, 8).ok()
    } else {
        None
    }
}

/// The sum of a header's bytes, with spaces where the sum itself stands.
fn checksum(header: &[u8; BLOCK]) -> u64 {
    let spaces = 8 * u64::from(b' ');
    let without = header[..148].iter().chain(&header[156..]);
    without.map(|byte| u64::from(*byte)).sum::<u64>() + spaces
}
