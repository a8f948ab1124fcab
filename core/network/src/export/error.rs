//! What can go wrong when a network is written, or its weights are read.

use std::path::PathBuf;

use thiserror::Error;

/// Why a network or its weights cannot be written or read.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The file system refused.
    #[error("`{}` cannot be {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was to be done with it: `read`, `written` or `made`.
        action: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("`{}` is no whole safetensors file: {problem}; hint: {hint}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A tensor in a file cannot be used.
    #[error("tensor `{tensor}` of `{}`: {problem}", path.display())]
    Stored {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it, with a hint.
        problem: String,
    },
    /// A tensor in memory is not what it says, or not what the network needs.
    #[error("tensor `{tensor}`: {problem}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A layer that a format cannot have.
    #[error("layer `{layer}` cannot be exported: {problem}")]
    Layer {
        /// Its name.
        layer: String,
        /// Why not.
        problem: String,
    },
    /// A network and the preparation of its inputs do not go together.
    #[error("{problem}")]
    Preparation {
        /// What does not fit.
        problem: String,
    },
}

impl ExportError {
    pub(crate) fn tensor(tensor: &str, problem: impl Into<String>) -> Self {
        Self::Tensor { tensor: tensor.into(), problem: problem.into() }
    }
}
