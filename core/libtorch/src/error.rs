//! What can be wrong with a folder that should hold LibTorch.

use std::path::PathBuf;

use thiserror::Error;

use crate::VERSION;

/// Why there is no LibTorch to use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LibTorchError {
    /// The folder does not hold LibTorch.
    #[error("`{folder}` does not have `{library}`")]
    Absent {
        /// The folder.
        folder: PathBuf,
        /// The library that tells LibTorch's folder from others, relative to it.
        library: String,
    },
    /// The folder holds LibTorch and does not tell its version.
    #[error("`{folder}` does not tell its version in `build-version`, in `version.py` or in a header")]
    Unversioned {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds another version of LibTorch.
    #[error("`{folder}` holds LibTorch {found} where {VERSION} is wanted")]
    Version {
        /// The folder.
        folder: PathBuf,
        /// The version in it.
        found: String,
    },
    /// No folder holds the version that is wanted.
    #[error(
        "there is none in {}, and none that `python3` could import{}", quoted(.empty),
        .others.iter().map(|other| format!("; {other}")).collect::<String>()
    )]
    NotFound {
        /// The folders without LibTorch.
        empty: Vec<PathBuf>,
        /// What is wrong with the others.
        others: Vec<LibTorchError>,
    },
}

fn quoted(folders: &[PathBuf]) -> String {
    let quoted: Vec<_> = folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
    quoted.join(", ")
}
