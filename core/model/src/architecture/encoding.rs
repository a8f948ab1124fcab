//! Graphs as vectors: which paths lead from input to output, which edges there are, what each node does.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{ArchitectureGraph, ArchitectureSpec, Node, PairedCells};

/// The paths from input to output as a vector: 1 for each sequence of operations that some path goes through.
///
/// Place 0 is the path without an operation; then come the paths of one operation, of two, and so on. A path of the
/// operations `o₀ o₁ … oₗ` has the place `Σ kⁱ (oᵢ + 1)`, where `k` operations are counted from 0. Shorter paths come
/// first, so that a truncated vector keeps those that occur most.
///
/// Source: White et al. 2021, BANANAS. NAS-Bench-101 has 364 places (3⁰ + … + 3⁵).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathEncoding {
    operations: Vec<String>,
    width: usize,
}

impl PathEncoding {
    /// Paths of at most `max_length` of `operations`; the vector is cut to `max_width`.
    pub fn new(operations: Vec<String>, max_length: usize, max_width: usize) -> Self {
        let mut width = 0usize;
        let mut n_of_length = 1usize;
        for _ in 0..=max_length {
            width = width.saturating_add(n_of_length);
            n_of_length = n_of_length.saturating_mul(operations.len());
            if width >= max_width {
                break;
            }
        }
        Self { operations, width: width.min(max_width) }
    }

    /// The vector's length.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The vector of a graph, `[width]`, of zeros and ones. Paths through operations that were not given, and longer
    /// ones than were foreseen, have no place.
    pub fn encode(&self, graph: &ArchitectureGraph) -> Vec<f64> {
        let simple = graph.simplified();
        let inputs = simple.inputs();
        let n_operations = self.operations.len();
        // For each node the paths that end with it, as their place and kⁿ for n operations so far.
        let mut paths: Vec<BTreeSet<(usize, usize)>> = vec![BTreeSet::new(); simple.nodes.len()];
        paths[0].insert((0, 1));
        for place in 1..simple.nodes.len() {
            let name = &*label(&simple.nodes[place]);
            let arriving: BTreeSet<_> = inputs[place].iter().flat_map(|&from| paths[from].clone()).collect();
            paths[place] = if [Node::SUM, Node::CONCAT, Node::OUTPUT].contains(&name) {
                arriving
            } else if let Some(operation) = self.operations.iter().position(|operation| operation == name) {
                let longer = |(path, weight): (usize, usize)| {
                    let path = path.checked_add(weight.checked_mul(operation + 1)?)?;
                    (path < self.width).then(|| (path, weight.saturating_mul(n_operations)))
                };
                arriving.into_iter().filter_map(longer).collect()
            } else {
                BTreeSet::new()
            };
        }
        let mut encoded = vec![0.0; self.width];
        let last = paths.len() - 1;
        paths[last].iter().filter(|(path, _)| *path < self.width).for_each(|&(path, _)| encoded[path] = 1.0);
        encoded
    }
}

/// What a path goes through at a node: its operation; at the inputs of a pair of cells, which one of which cell.
fn label(node: &Node) -> Cow<'_, str> {
    match (node.text("cell"), node.int("position")) {
        (Some(cell), Some(position)) => Cow::Owned(format!("{}:{cell}:{position}", node.operation)),
        _ => Cow::Borrowed(&node.operation),
    }
}

impl ArchitectureGraph {
    /// The adjacency matrix, `[n, n]` by rows: how many edges lead from the row's node to the column's.
    pub fn adjacency(&self) -> Vec<f64> {
        let n = self.nodes.len();
        let mut adjacency = vec![0.0; n * n];
        self.edges.iter().for_each(|&(from, to)| adjacency[from * n + to] += 1.0);
        adjacency
    }

    /// The place of each node's operation in `vocabulary`, `[n]`; `None` for one that is not there. With
    /// [`edges`](Self::edges) this is what graph networks and graph kernels take.
    pub fn operation_indices(&self, vocabulary: &[String]) -> Vec<Option<usize>> {
        let place = |node: &Node| vocabulary.iter().position(|name| *name == node.operation);
        self.nodes.iter().map(place).collect()
    }
}

impl ArchitectureSpec {
    /// All operations that a graph of this family may hold, joins and ends first.
    pub fn vocabulary(&self) -> Vec<String> {
        let ends = [Node::INPUT, Node::OUTPUT, Node::SUM, Node::CONCAT].map(str::to_owned);
        ends.into_iter().chain(self.operations()).collect()
    }

    /// The path encoding of this family's graphs, cut to `max_width`.
    pub fn path_encoding(&self, max_width: usize) -> PathEncoding {
        let max_length = match self {
            Self::EdgeCell(cell) => cell.n_nodes.saturating_sub(1),
            Self::NodeCell(cell) => cell.max_nodes.saturating_sub(2),
            Self::LinkedCell(cell) => cell.n_nodes(),
            Self::Chain(chain) => chain.max_layers,
            Self::Macro(shape) => shape.max_layers(),
            Self::ShapedMlp(mlp) => mlp.max_length(),
            Self::PairedCells(cells) => cells.n_nodes + 1,
            Self::Hierarchical(motifs) => motifs.max_length(),
            Self::ResolutionPath(path) => path.max_length(),
            Self::EncoderDecoder(stages) => stages.max_length(),
        };
        // An identity that changes width or resolution is an operation; only these have such.
        let has_strided_identities = matches!(self, Self::Macro(_) | Self::PairedCells(_));
        let mut operations = self.operations();
        if let Self::PairedCells(_) = self {
            operations.retain(|name| name != Node::CELL_INPUT);
            operations.splice(0..0, PairedCells::inputs().map(|input| label(&input).into_owned()));
        }
        operations.retain(|name| {
            let node = Node::new(&**name);
            !node.is_zero() && (has_strided_identities || !node.is_identity())
        });
        PathEncoding::new(operations, max_length, max_width)
    }

    /// The operations that a node may be given, each once.
    pub(super) fn operations(&self) -> Vec<String> {
        let input = Node::CELL_INPUT.to_owned();
        let mut all: Vec<String> = match self {
            Self::EdgeCell(cell) => cell.operations.clone(),
            Self::NodeCell(cell) => cell.operations.clone(),
            Self::LinkedCell(cell) => cell.operations.clone(),
            Self::Chain(chain) => chain.operations.iter().map(|operation| operation.name.clone()).collect(),
            Self::Macro(shape) => shape.stages.iter().flat_map(|stage| stage.operations.clone()).collect(),
            Self::ShapedMlp(mlp) => mlp.operations(),
            Self::PairedCells(cells) => cells.operations.iter().cloned().chain([input]).collect(),
            Self::Hierarchical(motifs) => motifs.operations(),
            Self::ResolutionPath(path) => path.operations(),
            Self::EncoderDecoder(stages) => stages.operations(),
        };
        let mut seen = BTreeSet::new();
        all.retain(|name| seen.insert(name.clone()));
        all
    }
}

#[cfg(test)]
mod tests;
