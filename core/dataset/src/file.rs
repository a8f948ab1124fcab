//! Opening files: errors that name the path, and gzip taken off by extension.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::{Error, Result};

/// What a file holds, told from its extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// Text with a header line and this delimiter.
    Delimited(u8),
    Parquet,
    Npz,
    Idx,
}

impl Format {
    /// The format that the name says, with a trailing `.gz` ignored.
    pub(crate) fn of(path: &Path) -> Result<Format> {
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let (stem, zipped) = match name.strip_suffix(".gz") {
            Some(stem) => (stem, true),
            None => (name.as_str(), false),
        };
        let is = |extension: &str| stem.ends_with(extension);
        match () {
            () if is(".csv") => Ok(Format::Delimited(b',')),
            () if is(".tsv") => Ok(Format::Delimited(b'\t')),
            () if is(".parquet") && !zipped => Ok(Format::Parquet),
            () if is(".npz") && !zipped => Ok(Format::Npz),
            () if is(".idx") || is("-ubyte") => Ok(Format::Idx),
            () => Err(Error::UnknownFormat { path: path.to_owned() }),
        }
    }
}

pub(crate) fn io_error<'a>(action: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> Error + 'a {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

pub(crate) fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(io_error("open", path))
}

pub(crate) fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(io_error("create", path))
}

/// A buffered reader that unpacks `.gz`.
pub(crate) fn open_unzipped(path: &Path) -> Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 16, open(path)?);
    let is_gz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    Ok(if is_gz { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) })
}
