//! Why a library is not checked at all.

use std::path::PathBuf;

use thiserror::Error;

/// What keeps checks from being made, as against what they find.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A `check.toml` is wrong.
    #[error("`{path}`: {problem}")]
    Setting {
        /// The file.
        path: PathBuf,
        /// What is wrong, with a remedy.
        problem: String,
    },
    /// The library has no such component.
    #[error("`{path}` has no component `{name}`; hint: there are {}", .names.join(", "))]
    NoComponent {
        /// The library.
        path: PathBuf,
        /// The name.
        name: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// There is no such check.
    #[error("there is no check `{name}` for this library; hint: there are {}", .names.join(", "))]
    NoCheck {
        /// The name.
        name: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// A file of the checks themselves cannot be read or written.
    #[error("`{path}`: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words, or what is wrong in it.
        problem: String,
    },
    /// The program that makes a check does not start.
    #[error("the program that makes the checks does not start: {reason}")]
    Start {
        /// The system's words.
        reason: String,
    },
}
