//! Cells with operations on edges: NAS-Bench-201 (Dong & Yang 2020).

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::{Configuration, ParameterSpec, ParameterType, Space, SpaceError};

use super::{ArchitectureGraph, Node};

/// A cell of `n_nodes` nodes in which every pair of nodes has an edge with one of `operations` on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeCell {
    /// Nodes of the cell, the input among them.
    pub n_nodes: usize,
    /// What an edge may do.
    pub operations: Vec<String>,
}

impl EdgeCell {
    /// The cell of NAS-Bench-201: four nodes, five operations, 15,625 cells.
    pub fn nas_bench_201() -> Self {
        let operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];
        Self { n_nodes: 4, operations: operations.map(String::from).to_vec() }
    }

    /// Edges `(from, to)` in the order of the published string: by target node, then by source node.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let n_nodes = self.n_nodes;
        (1..n_nodes).flat_map(|to| (0..to).map(move |from| (from, to)))
    }

    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        if self.n_nodes < 2 {
            return Err(SpaceError::BadArchitecture { problem: "a cell needs at least 2 nodes".into() });
        }
        let choices: Vec<Value> = self.operations.iter().map(|operation| operation.as_str().into()).collect();
        let parameter = |(from, to)| {
            let kind = ParameterType::Categorical { choices: choices.clone() };
            ParameterSpec::new(format!("op_{from}_{to}"), kind)
        };
        Ok(self.edges().map(parameter).collect())
    }

    pub(super) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        // TODO(architecture): replaced by the full decoder.
        let _ = (space, configuration, Node { operation: String::new() });
        Err(SpaceError::BadArchitecture { problem: "not decoded yet".into() })
    }
}
