//! What can go wrong with an archive.

use std::path::{Path, PathBuf};

use heirloom_model::{RecordError, SpaceError, TrialId};
use thiserror::Error;

use crate::RunId;

/// Why an archive could not be opened, read or written.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// There is no file.
    #[error("there is no archive at `{path}`; hint: check the path; the first search makes one")]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Something is there already.
    #[error("`{path}` exists already; hint: open it, or choose another path")]
    Exists {
        /// Where it was to be made.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "`{path}` is not an archive; hint: what others recorded is taken in by `heirloom archive import`"
    )]
    NotAnArchive {
        /// The file.
        path: PathBuf,
    },
    /// The archive was written by a newer version.
    #[error(
        "the archive `{path}` has schema {found} and this program knows {known}; hint: update the program"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The archive was written by an older version, and may only be read.
    #[error(
        "the archive `{path}` has schema {found}, older than {known}; hint: open it for writing once, as `heirloom \
         doctor` does"
    )]
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version wanted here.
        known: u32,
    },
    /// There is a file with nothing in it.
    #[error(
        "the archive `{path}` is empty: who made it was ended, or is at work, or it has lost its content; hint: \
         restore it from a copy, or remove it: the next search makes a new one"
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The archive may only be read.
    #[error("the archive `{path}` is read-only; hint: open a writable copy, or mend its permissions")]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// There is no room left. Nothing of the refused batch was kept; it can be recorded again later.
    #[error("no space is left for the archive `{path}`; hint: free some, then resume the run")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another program holds the archive.
    #[error("the archive `{path}` is locked by another program; hint: end whatever holds it, then try again")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file lies where locks and flushes cannot be trusted.
    #[error(
        "`{path}` lies on a network file system ({kind}), where an archive is not safe; hint: keep it on a local disk"
    )]
    NetworkFileSystem {
        /// The file.
        path: PathBuf,
        /// The file system's type.
        kind: String,
    },
    /// There is no such run.
    #[error("the archive has no run `{run}`; hint: `heirloom runs` lists those it has")]
    NoSuchRun {
        /// What was asked for.
        run: String,
    },
    /// More than one run answers to a text.
    #[error("`{text}` could be any of {n} runs; hint: give more of the id")]
    AmbiguousRun {
        /// What was asked for.
        text: String,
        /// How many match.
        n: usize,
    },
    /// There is no such task.
    #[error("the archive has no task `{key}`; hint: list the tasks it has")]
    NoSuchTask {
        /// What was asked for.
        key: String,
    },
    /// There is no such artifact.
    #[error("the archive has no artifact `{hash}`")]
    NoSuchArtifact {
        /// What was asked for.
        hash: String,
    },
    /// A trial was proposed twice.
    #[error("run {run} has a trial `{trial}` already; hint: another process may be running this run")]
    TrialExists {
        /// The run.
        run: RunId,
        /// The trial.
        trial: TrialId,
    },
    /// A report came from an attempt that is no longer the newest, or of a trial that is not running.
    #[error("attempt {attempt} at trial `{trial}` of run {run} was refused: {reason}")]
    Refused {
        /// The run.
        run: RunId,
        /// The trial.
        trial: TrialId,
        /// The attempt that reported.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// A run was resumed in two archives, and each went on its own way.
    #[error(
        "run {run} went on in both archives, each its own way; hint: merge the other archive into a new one"
    )]
    Diverged {
        /// The run.
        run: RunId,
    },
    /// A trial was told that has not ended, or was told before.
    #[error("trial `{trial}` of run {run} cannot be told: it has not ended, or was told before")]
    CannotTell {
        /// The run.
        run: RunId,
        /// The trial.
        trial: TrialId,
    },
    /// A stored record cannot be read.
    #[error("{record} is damaged: {problem}; hint: check the archive, restore it from a copy")]
    Damaged {
        /// Which record.
        record: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file to be imported is not what it should be.
    #[error("cannot import `{file}`: {problem}")]
    Import {
        /// The file.
        file: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A space does not compile.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// Reading or writing a file failed.
    #[error("`{path}`: {problem}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// The database failed in another way.
    #[error("the archive's database failed: {problem}; hint: check the archive")]
    Database {
        /// What it said.
        problem: String,
    },
}

/// The result of an archive's work.
pub type Result<T, E = ArchiveError> = std::result::Result<T, E>;

impl ArchiveError {
    pub(crate) fn io(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Io { path: path.into(), problem: error.to_string() }
    }

    /// Whether a stored record is at fault: what was asked of the archive holds for others.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Space(_))
    }

    pub(crate) fn damaged(record: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Damaged { record: record.into(), problem: problem.into() }
    }
}

impl From<ArchiveError> for RecordError {
    fn from(error: ArchiveError) -> Self {
        Self { message: error.to_string() }
    }
}
