//! Cells with operations on nodes: NAS-Bench-101 (Ying et al. 2019).

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::{Configuration, ParameterSpec, ParameterType, Space, SpaceError};

use super::text::Cursor;
use super::{ArchitectureGraph, Node, check_size, n_pairs};

/// A cell in which every inner node has one of `operations` and any earlier nodes may feed it; an inner node adds
/// its inputs, the output joins its own along the channels (the cell's input, where it is among them, is added).
///
/// ```toml
/// [architecture]
/// kind = "node-cell"
/// max_nodes = 7
/// max_edges = 9
/// operations = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"]
/// ```
///
/// Compiles to one yes-or-no parameter for each pair of nodes, `edge_FROM_TO` by target, then by source, and one
/// categorical parameter for each inner node, `op_NODE`. Nodes off every path from input to output do not count: a
/// cell with fewer nodes leaves some unconnected. A configuration without such a path, or with more than `max_edges`
/// edges on them, is forbidden.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeCell {
    /// The most nodes a cell may have, input and output among them.
    pub max_nodes: usize,
    /// The most edges a cell may have.
    pub max_edges: usize,
    /// What an inner node may do.
    pub operations: Vec<String>,
}

/// A cell's part that counts: nodes on a path from input to output, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PrunedCell {
    /// The operation of each inner node, by its number.
    pub(super) operations: Vec<usize>,
    /// Edges `(from, to)` by target, then by source.
    pub(super) edges: Vec<(usize, usize)>,
}

/// The forms in which the benchmark gives a cell: as JSON with these names, or as digits and a list.
#[derive(Deserialize)]
struct PublishedJson {
    module_adjacency: Vec<Vec<u8>>,
    module_operations: Vec<String>,
}

impl NodeCell {
    /// The cell of NAS-Bench-101: up to seven nodes and nine edges, three operations, 423,624 unique cells.
    pub fn nas_bench_101() -> Self {
        let operations = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"];
        Self { max_nodes: 7, max_edges: 9, operations: operations.map(String::from).to_vec() }
    }

    /// Edges `(from, to)` in the order of the parameters: by target node, then by source node.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let max_nodes = self.max_nodes;
        (1..max_nodes).flat_map(|to| (0..to).map(move |from| (from, to)))
    }

    /// Reads a cell as the benchmark gives it: the adjacency matrix row by row as digits, a space, and the
    /// operations joined by commas, `input` and `output` among them; or the JSON object
    /// `{"module_adjacency": [[…], …], "module_operations": […]}`. A cell of fewer nodes leaves the places before
    /// the output unconnected. Parameters of `space` that are no part of the cell get their defaults.
    ///
    /// Errors with [`SpaceError::BadText`], which names the place in the text.
    pub fn parse(&self, space: &Space, text: &str) -> Result<Configuration, SpaceError> {
        let mut cursor = Cursor::new(text);
        let (adjacency, names): (Vec<bool>, Vec<String>) = if text.trim_start().starts_with('{') {
            let json: PublishedJson = serde_json::from_str(text).map_err(|error| SpaceError::BadText {
                text: text.into(),
                position: error.column(),
                problem: error.to_string(),
            })?;
            let digits = json.module_adjacency.iter().flatten().map(|&digit| digit != 0);
            (digits.collect(), json.module_operations)
        } else {
            let digits = cursor.until(&[' ']);
            if let Some(wrong) = digits.find(|digit| !matches!(digit, '0' | '1')) {
                let problem = "an adjacency matrix has digits `0` and `1` only".into();
                return Err(SpaceError::BadText { text: text.into(), position: wrong + 1, problem });
            }
            cursor.expect(" ")?;
            (
                digits.bytes().map(|digit| digit == b'1').collect(),
                cursor.rest().split(',').map(str::to_owned).collect(),
            )
        };
        let n = names.len();
        if !(2..=self.max_nodes).contains(&n) || adjacency.len() != n * n {
            return Err(cursor.error(format!(
                "{n} operations and {} digits; hint: give 2 to {} operations and their square of digits",
                adjacency.len(),
                self.max_nodes
            )));
        }
        let place = |node: usize| if node == n - 1 { self.max_nodes - 1 } else { node };
        let mut edges = vec![0.0; self.edges().count()];
        for (cell, _) in adjacency.iter().enumerate().filter(|(_, present)| **present) {
            let (from, to) = (cell / n, cell % n);
            if from >= to {
                return Err(cursor.error(format!(
                    "the edge {from} to {to} leads back; hint: the matrix must be upper triangular"
                )));
            }
            edges[edge_place(place(from), place(to))] = 1.0;
        }
        let mut operations = vec![0.0; self.max_nodes - 2];
        for (node, name) in names.iter().enumerate().take(n - 1).skip(1) {
            let operation = self.operations.iter().position(|operation| operation == name);
            operations[node - 1] = operation.ok_or_else(|| {
                cursor.error(format!(
                    "`{name}` is no operation; hint: use one of `{}`",
                    self.operations.join("`, `")
                ))
            })? as f64;
        }
        edges.extend(operations);
        space.with_architecture(&edges)
    }

    /// Writes the cell with all its nodes as digits and operations.
    pub fn format(&self, space: &Space, configuration: &Configuration) -> Result<String, SpaceError> {
        let values = space.architecture_values(configuration)?;
        let n = self.max_nodes;
        let digit = |from, to| if from < to && values[edge_place(from, to)] == 1.0 { '1' } else { '0' };
        let digits: String = (0..n * n).map(|cell| digit(cell / n, cell % n)).collect();
        let inner = values[self.edges().count()..].iter();
        let names = inner.map(|&operation| self.operations[operation as usize].as_str());
        let names: Vec<&str> = [Node::INPUT].into_iter().chain(names).chain([Node::OUTPUT]).collect();
        Ok(format!("{digits} {}", names.join(",")))
    }

    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        if self.max_nodes < 2 || self.max_edges == 0 {
            let problem = "a cell needs at least 2 nodes and 1 edge".into();
            return Err(SpaceError::BadArchitecture { problem });
        }
        check_size(n_pairs(self.max_nodes), "lower `max_nodes`")?;
        // By default a chain of all nodes, or a plain connection where that has too many edges.
        let chain_fits = self.max_nodes - 1 <= self.max_edges;
        let edge = |(from, to)| {
            let present = if chain_fits { to == from + 1 } else { from == 0 && to == self.max_nodes - 1 };
            let choices = vec![Value::Bool(false), Value::Bool(true)];
            let mut parameter =
                ParameterSpec::new(format!("edge_{from}_{to}"), ParameterType::Categorical { choices });
            parameter.default = Some(Value::Bool(present));
            parameter
        };
        let choices: Vec<Value> = self.operations.iter().map(|operation| operation.as_str().into()).collect();
        let operation = |node| {
            let kind = ParameterType::Categorical { choices: choices.clone() };
            ParameterSpec::new(format!("op_{node}"), kind)
        };
        Ok(self.edges().map(edge).chain((1..self.max_nodes - 1).map(operation)).collect())
    }

    /// Why a cell is none of this space, where it is none.
    pub(super) fn violation(&self, values: &[f64]) -> Option<SpaceError> {
        let problem = match self.prune(values).edges.len() {
            0 => "no path leads from the cell's input to its output".to_owned(),
            n if n > self.max_edges => format!("the cell has {n} edges; hint: at most {}", self.max_edges),
            _ => return None,
        };
        Some(SpaceError::ForbiddenArchitecture { problem })
    }

    pub(super) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        let values = space.architecture_values(configuration)?;
        if let Some(violation) = self.violation(values) {
            return Err(violation);
        }
        let cell = self.prune(values);
        let last = cell.operations.len() + 1;
        let mut graph = ArchitectureGraph::with_input();
        let mut places = vec![0];
        for node in 1..last {
            let inputs: Vec<usize> =
                cell.edges.iter().filter(|edge| edge.1 == node).map(|edge| places[edge.0]).collect();
            let input = join(&mut graph, Node::SUM, &inputs);
            let operation = &self.operations[cell.operations[node - 1]];
            places.push(graph.add(Node::new(&**operation), &[input]));
        }
        let has_residual = cell.edges.contains(&(0, last));
        let inner: Vec<usize> = cell
            .edges
            .iter()
            .filter(|&&(from, to)| to == last && from != 0)
            .map(|&(from, _)| places[from])
            .collect();
        let output = match (inner.as_slice(), has_residual) {
            ([], _) => 0,
            (inner, false) => join(&mut graph, Node::CONCAT, inner),
            (inner, true) => {
                let inner = join(&mut graph, Node::CONCAT, inner);
                graph.add(Node::new(Node::SUM), &[0, inner])
            }
        };
        graph.add(Node::new(Node::OUTPUT), &[output]);
        Ok(graph)
    }

    /// Drops what lies on no path from input to output.
    pub(super) fn prune(&self, values: &[f64]) -> PrunedCell {
        let n = self.max_nodes;
        let edges: Vec<(usize, usize)> =
            self.edges().zip(values).filter(|(_, present)| **present == 1.0).map(|(edge, _)| edge).collect();
        let mut from_input = vec![false; n];
        let mut to_output = vec![false; n];
        (from_input[0], to_output[n - 1]) = (true, true);
        // Edges ascend by target: every edge into a node comes before every edge out of it.
        edges.iter().for_each(|&(from, to)| from_input[to] |= from_input[from]);
        edges.iter().rev().for_each(|&(from, to)| to_output[from] |= to_output[to]);
        let kept: Vec<usize> = (0..n).filter(|&node| from_input[node] && to_output[node]).collect();
        let renumbered = |node| kept.binary_search(&node).ok();
        let edges =
            edges.iter().filter_map(|&(from, to)| Some((renumbered(from)?, renumbered(to)?))).collect();
        let inner = kept.iter().filter(|&&node| node != 0 && node != n - 1);
        let first_operation = self.edges().count();
        PrunedCell {
            operations: inner.map(|&node| values[first_operation + node - 1] as usize).collect(),
            edges,
        }
    }
}

/// An edge's place among all of them, by target, then by source.
fn edge_place(from: usize, to: usize) -> usize {
    to * (to - 1) / 2 + from
}

/// What joins several inputs, or the one there is.
fn join(graph: &mut ArchitectureGraph, operation: &str, inputs: &[usize]) -> usize {
    match inputs {
        &[single] => single,
        several => graph.add(Node::new(operation), several),
    }
}

#[cfg(test)]
mod tests;
