//! Architectures: the graph that a configuration decodes to, and the families of spaces that decode to one.

mod edge_cell;
mod graph;

pub use edge_cell::EdgeCell;
pub use graph::{ArchitectureGraph, Node};

use serde::{Deserialize, Serialize};

use crate::space::{Configuration, ParameterSpec, Space, SpaceError};

/// A family of architectures as it stands in a run file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ArchitectureSpec {
    /// A cell with operations on its edges (NAS-Bench-201, DARTS).
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
}
