//! What a plugin's component reports when it cannot do what it was asked.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a strategy, estimator or proxy could not be made or could not answer.
///
/// An evaluation that went wrong is not this: it is a [`Failure`](crate::Failure) of its trial.
#[derive(Debug, Clone, PartialEq, Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct ComponentError {
    /// What kind of trouble it is.
    pub kind: ComponentErrorKind,
    /// What happened, with names, values and a remedy.
    pub message: String,
}

/// The kinds of [`ComponentError`] that a caller treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ComponentErrorKind {
    /// The component's own table in the run file is wrong.
    Configuration,
    /// The component cannot work on this problem (a grid over a continuous space without steps, say).
    Unsupported,
    /// The component refused its input or failed inside.
    Failed,
    /// The component panicked; it is not called again.
    Panicked,
    /// The component's process ended or no longer answers.
    Crashed,
}

impl ComponentError {
    /// An error of the given kind.
    pub fn new(kind: ComponentErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The component's table in the run file is wrong.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(ComponentErrorKind::Configuration, message)
    }

    /// The component cannot work on this problem.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ComponentErrorKind::Unsupported, message)
    }

    /// The component failed inside.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ComponentErrorKind::Failed, message)
    }
}
