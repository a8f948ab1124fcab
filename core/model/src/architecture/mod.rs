//! Architectures: the graph that a configuration decodes to, and the families of spaces that decode to one.
//!
//! A family is a description (a variant of [`ArchitectureSpec`]) that compiles to parameters and knows how to read
//! a configuration of them as an [`ArchitectureGraph`]. Strategies see parameters; what trains or scores a network
//! sees the graph.

mod canonical;
mod edge_cell;
mod graph;
mod text;

pub use canonical::ArchitectureKey;
pub use edge_cell::{EdgeCell, EdgeCellEquivalence};
pub use graph::{ArchitectureGraph, Node};

use serde::{Deserialize, Serialize};

use crate::space::{Configuration, ParameterSpec, Space, SpaceError};

/// A family of architectures as it stands in a run file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ArchitectureSpec {
    /// A cell with operations on its edges (NAS-Bench-201).
    EdgeCell(EdgeCell),
}

impl ArchitectureSpec {
    /// The parameters it compiles to.
    pub(crate) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        match self {
            Self::EdgeCell(cell) => cell.parameters(),
        }
    }

    /// The graph that a configuration of `space` decodes to.
    pub(crate) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        match self {
            Self::EdgeCell(cell) => cell.decode(space, configuration),
        }
    }

    /// Reads an architecture of `space` in the string form its benchmark published. Parameters that are no part of
    /// the architecture get their defaults.
    ///
    /// Errors with [`SpaceError::BadText`], which names the place in the text.
    pub fn parse(&self, space: &Space, text: &str) -> Result<Configuration, SpaceError> {
        match self {
            Self::EdgeCell(cell) => cell.parse(space, text),
        }
    }

    /// Writes the string form that [`parse`](Self::parse) reads.
    pub fn format(&self, space: &Space, configuration: &Configuration) -> Result<String, SpaceError> {
        match self {
            Self::EdgeCell(cell) => cell.format(space, configuration),
        }
    }
}
