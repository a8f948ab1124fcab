//! Cells with operations on edges: NAS-Bench-201 (Dong & Yang 2020).

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::{Configuration, ParameterSpec, ParameterType, Space, SpaceError};

use super::text::Cursor;
use super::{ArchitectureGraph, Node, check_size, n_pairs};

/// A cell of `n_nodes` nodes in which every pair of nodes has an edge with one of `operations` on it; a node is the
/// sum of its edges.
///
/// ```toml
/// [architecture]
/// kind = "edge-cell"
/// n_nodes = 4
/// operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
/// ```
///
/// Compiles to one categorical parameter an edge, `op_FROM_TO`, in the order of [`edges`](Self::edges). It decodes
/// to one graph node an edge and one `sum` a node of the cell.
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

    /// Reads the published string, `|OP~0|+|OP~0|OP~1|+|OP~0|OP~1|OP~2|` for four nodes. Parameters of `space` that
    /// are no edges get their defaults.
    ///
    /// Errors with [`SpaceError::BadText`], which names the place in the text.
    pub fn parse(&self, space: &Space, text: &str) -> Result<Configuration, SpaceError> {
        let mut cursor = Cursor::new(text);
        let mut values = Vec::new();
        for to in 1..self.n_nodes {
            if to > 1 {
                cursor.expect("+")?;
            }
            cursor.expect("|")?;
            for from in 0..to {
                let name = cursor.until(&['~', '|', '+']);
                let operation = self.operations.iter().position(|operation| operation == name);
                let operation =
                    operation.ok_or_else(|| cursor.not_one_of(name, "operation", &self.operations))?;
                cursor.expect(&format!("~{from}|"))?;
                values.push(operation as f64);
            }
        }
        cursor.end()?;
        space.with_architecture(&values)
    }

    /// Writes the published string.
    pub fn format(&self, space: &Space, configuration: &Configuration) -> Result<String, SpaceError> {
        let operations = self.chosen(space, configuration)?;
        let mut text = String::new();
        for ((from, to), operation) in self.edges().zip(operations) {
            if from == 0 {
                text.push_str(if to == 1 { "|" } else { "+|" });
            }
            text.push_str(&format!("{}~{from}|", self.operations[operation]));
        }
        Ok(text)
    }

    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        if self.n_nodes < 2 {
            return Err(SpaceError::BadArchitecture { problem: "a cell needs at least 2 nodes".into() });
        }
        check_size(n_pairs(self.n_nodes), "lower `n_nodes`")?;
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
        let mut operations = self.chosen(space, configuration)?.into_iter();
        let mut graph = ArchitectureGraph::with_input();
        let mut cell_nodes = vec![0];
        for to in 1..self.n_nodes {
            let edges: Vec<usize> = operations
                .by_ref()
                .take(to)
                .enumerate()
                .map(|(from, operation)| {
                    graph.add(Node::new(&*self.operations[operation]), &[cell_nodes[from]])
                })
                .collect();
            cell_nodes.push(graph.add(Node::new(Node::SUM), &edges));
        }
        graph.add(Node::new(Node::OUTPUT), &[cell_nodes[self.n_nodes - 1]]);
        Ok(graph)
    }

    /// The operation on each edge, in the order of [`edges`](Self::edges).
    fn chosen(&self, space: &Space, configuration: &Configuration) -> Result<Vec<usize>, SpaceError> {
        let values = space.architecture_values(configuration)?;
        Ok(values.iter().map(|&value| value as usize).collect())
    }
}

#[cfg(test)]
mod tests;
