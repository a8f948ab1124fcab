//! What can be wrong with the knowledge a warm start is made from.

use heirloom_model::SpaceError;
use thiserror::Error;

/// Why a warm start could not be made.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A past task has another number of objectives than configurations.
    #[error("task `{task}` has {configurations} configurations but {objectives} objectives")]
    UnequalLength {
        /// The task's key.
        task: String,
        /// Configurations given.
        configurations: usize,
        /// Objectives given.
        objectives: usize,
    },
    /// Two past tasks share a key.
    #[error("task `{task}` stands twice in the knowledge; hint: merge its evaluations first")]
    DuplicateTask {
        /// The task's key.
        task: String,
    },
    /// A past configuration is no point of the new task's space.
    #[error("task `{task}`, evaluation {row}: {source}; hint: map past configurations into the space first")]
    BadConfiguration {
        /// The task's key.
        task: String,
        /// The evaluation's place, from 0.
        row: usize,
        /// What is wrong with it.
        source: SpaceError,
    },
    /// The recorded space of a snapshot no longer compiles.
    #[error("the space of the recorded knowledge: {0}")]
    Space(#[from] SpaceError),
}
