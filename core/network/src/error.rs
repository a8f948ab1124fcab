//! What can be wrong with a network.

use thiserror::Error;

use crate::Shape;

/// Why a network cannot be built.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NetworkError {
    /// An operation cannot take what feeds it.
    #[error("layer `{layer}` ({operation}) cannot take {}: {problem}", shapes(.inputs))]
    Shape {
        /// The layer's name.
        layer: String,
        /// Its operation.
        operation: String,
        /// The shapes that feed it, without the batch dimension.
        inputs: Vec<Shape>,
        /// What does not fit.
        problem: String,
    },
    /// An architecture names an operation that no layer stands for.
    #[error("node `{node}` has the unknown operation `{operation}`; hint: known are {known}")]
    UnknownOperation {
        /// The node's name.
        node: String,
        /// The operation's name.
        operation: String,
        /// The known ones.
        known: &'static str,
    },
    /// The architecture and what surrounds it do not go together.
    #[error("{problem}")]
    Architecture {
        /// What is wrong, with a hint.
        problem: String,
    },
}

fn shapes(shapes: &[Shape]) -> String {
    let texts: Vec<String> = shapes.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "nothing".into() } else { texts.join(" and ") }
}
