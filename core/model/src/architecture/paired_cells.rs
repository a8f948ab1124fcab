//! Pairs of a normal and a reduction cell: NASNet (Zoph et al. 2018), AmoebaNet (Real et al. 2019), DARTS (Liu, Simonyan
//! & Yang 2019).

use serde::{Deserialize, Serialize};

use crate::space::{Configuration, ParameterSpec, Space, SpaceError};

use super::parameters::Parameters;
use super::{ArchitectureGraph, Node, check_size, n_pairs};

mod genotype;

/// A normal and a reduction cell of `n_nodes` intermediate nodes each; a node adds two operations, each on one of the
/// outputs of the two cells before or on an earlier node.
///
/// ```toml
/// [architecture]
/// kind = "paired-cells"
/// n_nodes = 4
/// operations = ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "dil_conv_3x3"]
/// distinct_inputs = true
/// ```
///
/// Nodes are numbered from 2; 0 and 1 are the outputs of the cell before the previous one and of the previous one.
/// For `C` in `normal`, `reduction` and each node `i` it compiles to `C_node_i_input_a`, `C_node_i_op_a`,
/// `C_node_i_input_b` and `C_node_i_op_b`. With `distinct_inputs` the two inputs are one parameter, `C_node_i_inputs`,
/// that lists the pairs (`0+2`), so that every configuration is a cell and no cell has two; `a` is then the earlier
/// input. What has one value only is no parameter.
///
/// The graph holds both cells side by side: `cell_input {cell, position}` twice, an operation `{cell}` for each edge,
/// with `stride = 2` where a reduction cell's edge comes from a cell's input, `sum {cell}` for each node, and
/// `concat {cell}` of the nodes that [`concat`](Self::concat) says; both feed the output. How often each cell stands
/// in the network, and with how many channels, is no part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairedCells {
    /// Intermediate nodes of a cell.
    pub n_nodes: usize,
    /// What an edge may do.
    pub operations: Vec<String>,
    /// Whether the two inputs of a node must differ (DARTS).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub distinct_inputs: bool,
    /// Which nodes a cell gives out.
    #[serde(default)]
    pub concat: CellConcat,
}

/// Which intermediate nodes are joined to the output of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellConcat {
    /// All (DARTS).
    #[default]
    All,
    /// Those that feed no other (NASNet, AmoebaNet).
    LooseEnds,
}

/// The two cells, in the order of parameters.
const CELLS: [&str; 2] = ["normal", "reduction"];

/// One intermediate node: its two edges, each as what feeds it and the place of its operation.
type Pair = [(usize, usize); 2];

impl PairedCells {
    /// DARTS: four nodes, seven operations, all nodes joined.
    pub fn darts() -> Self {
        let operations = [
            "max_pool_3x3",
            "avg_pool_3x3",
            "skip_connect",
            "sep_conv_3x3",
            "sep_conv_5x5",
            "dil_conv_3x3",
            "dil_conv_5x5",
        ];
        Self::new(4, &operations, true, CellConcat::All)
    }

    /// NASNet: five nodes, thirteen operations, loose ends joined. A node adds; joining by `concat`, which that search
    /// could also choose and which no published cell uses, is left out.
    pub fn nasnet() -> Self {
        let operations = [
            "skip_connect",
            "conv_3x1_1x3",
            "conv_7x1_1x7",
            "dil_conv_3x3",
            "avg_pool_3x3",
            "max_pool_3x3",
            "max_pool_5x5",
            "max_pool_7x7",
            "conv_1x1",
            "conv_3x3",
            "sep_conv_3x3",
            "sep_conv_5x5",
            "sep_conv_7x7",
        ];
        Self::new(5, &operations, false, CellConcat::LooseEnds)
    }

    /// AmoebaNet: NASNet's cells with eight operations.
    pub fn amoebanet() -> Self {
        let operations = [
            "skip_connect",
            "sep_conv_3x3",
            "sep_conv_5x5",
            "sep_conv_7x7",
            "avg_pool_3x3",
            "max_pool_3x3",
            "dil_conv_3x3",
            "conv_7x1_1x7",
        ];
        Self::new(5, &operations, false, CellConcat::LooseEnds)
    }

    fn new(n_nodes: usize, operations: &[&str], distinct_inputs: bool, concat: CellConcat) -> Self {
        let operations = operations.iter().map(|&name| name.to_owned()).collect();
        Self { n_nodes, operations, distinct_inputs, concat }
    }

    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        if self.n_nodes == 0 || self.operations.is_empty() {
            let problem = "cells need at least 1 node and 1 operation; hint: set `n_nodes` and `operations`";
            return Err(SpaceError::BadArchitecture { problem: problem.into() });
        }
        check_size(n_pairs(self.n_nodes), "lower `n_nodes`")?;
        let mut all = Parameters::default();
        let operations = || self.operations.iter().map(String::as_str);
        for cell in CELLS {
            for node in self.nodes() {
                let name = |what: &str| format!("{cell}_node_{node}_{what}");
                if self.distinct_inputs {
                    all.choice(name("inputs"), pairs(node).map(|(a, b)| format!("{a}+{b}")), &[]);
                    all.choice(name("op_a"), operations(), &[]);
                } else {
                    all.choice(name("input_a"), (0..node).map(|input| input as i64), &[]);
                    all.choice(name("op_a"), operations(), &[]);
                    all.choice(name("input_b"), (0..node).map(|input| input as i64), &[]);
                }
                all.choice(name("op_b"), operations(), &[]);
            }
        }
        Ok(all.finish())
    }

    pub(super) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        let mut graph = ArchitectureGraph::with_input();
        let mut outputs = Vec::new();
        for (cell, pairs) in CELLS.into_iter().zip(self.cells(space, configuration)?) {
            let is_reduction = cell == CELLS[1];
            let mut places = [0, 1].map(|position| graph.add(cell_input(cell, position), &[0])).to_vec();
            for pair in &pairs {
                let edges = pair.map(|(input, operation)| {
                    let node = Node::new(&*self.operations[operation]).with("cell", cell);
                    let strided = is_reduction && input < 2;
                    graph.add(if strided { node.with("stride", 2i64) } else { node }, &[places[input]])
                });
                places.push(graph.add(Node::new(Node::SUM).with("cell", cell), &edges));
            }
            let joined: Vec<usize> = self.joined(&pairs).into_iter().map(|node| places[node]).collect();
            outputs.push(graph.add(Node::new(Node::CONCAT).with("cell", cell), &joined));
        }
        graph.add(Node::new(Node::OUTPUT), &outputs);
        Ok(graph)
    }

    /// The nodes with which the cells of every such graph begin.
    pub(super) fn inputs() -> impl Iterator<Item = Node> {
        CELLS.into_iter().flat_map(|cell| [0, 1].map(|position| cell_input(cell, position)))
    }

    /// The numbers of the intermediate nodes.
    fn nodes(&self) -> std::ops::Range<usize> {
        2..self.n_nodes + 2
    }

    /// The nodes that a cell gives out, by number.
    fn joined(&self, pairs: &[Pair]) -> Vec<usize> {
        let feeds = |node: usize| pairs.iter().flatten().any(|&(input, _)| input == node);
        self.nodes().filter(|&node| self.concat == CellConcat::All || !feeds(node)).collect()
    }

    /// Both cells of a configuration.
    fn cells(&self, space: &Space, configuration: &Configuration) -> Result<[Vec<Pair>; 2], SpaceError> {
        let mut values = space.architecture_values(configuration)?.iter().map(|&value| value as usize);
        let mut next = |n_choices: usize| if n_choices > 1 { values.next().unwrap_or(0) } else { 0 };
        let n_operations = self.operations.len();
        let mut cell = || -> Vec<Pair> {
            let pair = |node| {
                if self.distinct_inputs {
                    let pairs: Vec<_> = pairs(node).collect();
                    let (a, b) = pairs[next(pairs.len())];
                    [(a, next(n_operations)), (b, next(n_operations))]
                } else {
                    [(next(node), next(n_operations)), (next(node), next(n_operations))]
                }
            };
            self.nodes().map(pair).collect()
        };
        Ok([cell(), cell()])
    }

    /// The configuration of two cells, whose edges are in order where inputs must differ.
    fn configuration(&self, space: &Space, cells: &[Vec<Pair>; 2]) -> Result<Configuration, SpaceError> {
        let mut values = Vec::new();
        let mut push = |value: usize, n_choices: usize| {
            if n_choices > 1 {
                values.push(value as f64);
            }
        };
        let n_operations = self.operations.len();
        for cell in cells {
            for (node, &[a, b]) in self.nodes().zip(cell) {
                if self.distinct_inputs {
                    let place = pairs(node).position(|pair| pair == (a.0, b.0)).unwrap_or(0);
                    push(place, pairs(node).count());
                    push(a.1, n_operations);
                } else {
                    push(a.0, node);
                    push(a.1, n_operations);
                    push(b.0, node);
                }
                push(b.1, n_operations);
            }
        }
        space.with_architecture(&values)
    }
}

fn cell_input(cell: &str, position: i64) -> Node {
    Node::new(Node::CELL_INPUT).with("cell", cell).with("position", position)
}

/// The pairs of different nodes below `node`.
fn pairs(node: usize) -> impl Iterator<Item = (usize, usize)> {
    (1..node).flat_map(|b| (0..b).map(move |a| (a, b)))
}

#[cfg(test)]
mod tests;
