//! Why no plugin was made.

use std::path::PathBuf;

use heirloom_plugin_abi::Language;
use thiserror::Error;

/// Why a plugin could not be made from a template.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The name cannot be a plugin's.
    #[error("`{name}` cannot be a plugin's name: {problem}; hint: {hint}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// What would do.
        hint: String,
    },
    /// The SDK is not where it was said to be.
    #[error(
        "`{}` is not the source of Heirloom: it has no `core/plugin/Cargo.toml`; hint: give the folder of a checkout, a \
         version such as `0.1.0`, or the address of a git repository",
        .folder.display()
    )]
    NoSdk {
        /// The folder.
        folder: PathBuf,
    },
    /// The plugin's folder is in use.
    #[error("`{}` is there already and not empty; hint: name another folder with `--path`", .folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be written.
    #[error("`{}` cannot be written: {reason}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
}

/// A language's name as people write it.
pub(crate) fn title(language: Language) -> &'static str {
    match language {
        Language::Rust => "Rust",
        Language::C => "C",
        Language::Python => "Python",
    }
}
