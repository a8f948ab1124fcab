//! The graph that a configuration decodes to.

use serde::{Deserialize, Serialize};

/// A directed acyclic graph of operations: what a network is built from and what graph encodings describe.
///
/// Nodes stand in topological order; every edge leads from a lower to a higher index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ArchitectureGraph {
    /// The nodes, `[n]`.
    pub nodes: Vec<Node>,
    /// Edges `(from, to)`, sorted.
    pub edges: Vec<(usize, usize)>,
}

/// One operation of an architecture.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Node {
    /// The operation's name, such as `input`, `nor_conv_3x3`, `output`.
    pub operation: String,
}
