//! What can be wrong with a descriptor or with the files it describes.

use std::fmt;
use std::path::PathBuf;

use heirloom_model::SpaceError;

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// A place in a descriptor, as editors understand it: `path:line:column`, both counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The descriptor.
    pub path: PathBuf,
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Why a recorded table could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The descriptor could not be read.
    #[error(
        "cannot read `{}`: {source}; hint: a recorded table is a folder with a `table.toml`, or a file like it",
        path.display()
    )]
    NoDescriptor {
        /// The descriptor's path.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The descriptor is no TOML, has an unknown key, or lacks one.
    #[error("{place}: {problem}; hint: the README of heirloom-recorded-table lists every key")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        problem: String,
    },
    /// The descriptor's parts do not fit together.
    #[error("{place}: {problem}; hint: {remedy}")]
    Inconsistent {
        /// Where.
        place: Place,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// The descriptor names a column that its file does not have.
    #[error("{place}: `{}` has no column `{column}`; hint: its columns are {}", file.display(), available.join(", "))]
    NoColumn {
        /// Where it is named.
        place: Place,
        /// The name.
        column: String,
        /// The file.
        file: PathBuf,
        /// What there is.
        available: Vec<String>,
    },
    /// The space is wrong.
    #[error("{place}: {source}")]
    Space {
        /// Where it is described.
        place: Place,
        /// What is wrong.
        source: SpaceError,
    },
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] heirloom_dataset::Error),
    /// A row of a file does not mean anything.
    #[error("`{}`, row {row} (counted from 0): {problem}; hint: {remedy}", file.display())]
    BadRow {
        /// The file.
        file: PathBuf,
        /// The row.
        row: usize,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },
}
