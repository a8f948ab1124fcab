//! What goes wrong on LibTorch, in words that say where.

use tch::{TchError, Tensor};
use thiserror::Error;

/// An operation that failed: its name, the shapes that it was given, and LibTorch's own first line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}{}: {message}", listed(.shapes))]
pub struct TorchError {
    /// What kind of failure it is.
    pub kind: TorchErrorKind,
    /// The layer or step that failed.
    pub what: String,
    /// Shapes of the tensors involved, with the batch dimension.
    pub shapes: Vec<Vec<i64>>,
    /// LibTorch's message, its first line.
    pub message: String,
}

/// Kinds of failures that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TorchErrorKind {
    /// No memory was left, on the host or on the device.
    OutOfMemory,
    /// Everything else: a mistake of the caller, or of LibTorch.
    Other,
}

impl TorchError {
    /// A failure that LibTorch did not report itself.
    pub fn other(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: TorchErrorKind::Other, what: what.into(), shapes: Vec::new(), message: message.into() }
    }

    /// What `what` failed with on `inputs`.
    pub fn new(what: impl Into<String>, inputs: &[&Tensor], error: &TchError) -> Self {
        let text = error.to_string();
        // The C++ stack that follows the first line says nothing to a user.
        let message = text.lines().next().unwrap_or_default().trim().to_owned();
        let memory = ["out of memory", "can't allocate memory", "not enough memory", "bad_alloc"];
        let kind = if memory.iter().any(|sign| text.contains(sign)) {
            TorchErrorKind::OutOfMemory
        } else {
            TorchErrorKind::Other
        };
        let shapes = inputs.iter().map(|tensor| tensor.size()).collect();
        Self { kind, what: what.into(), shapes, message }
    }

    /// For `map_err`: names what was done.
    pub fn at(what: &'static str) -> impl FnOnce(TchError) -> Self {
        move |error| Self::new(what, &[], &error)
    }
}

fn listed(shapes: &[Vec<i64>]) -> String {
    let texts: Vec<String> = shapes.iter().map(|shape| format!("{shape:?}")).collect();
    if texts.is_empty() { String::new() } else { format!(" on {}", texts.join(", ")) }
}
