//! The graph that a configuration decodes to.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::SpaceError;

/// A directed acyclic graph of operations: what a network is built from and what graph encodings describe.
///
/// Nodes stand in topological order: the first is the input, the last the output. An operation with several inputs
/// that is neither [`SUM`](Node::SUM) nor [`CONCAT`](Node::CONCAT) says itself how it joins them. An edge may stand
/// twice, where an output is added to itself.
///
/// The names of operations and their attributes, and what holds for each family, stand in the crate's README under
/// "The words of graphs".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchitectureGraph {
    /// The nodes, `[n]`.
    pub nodes: Vec<Node>,
    /// Edges `(from, to)` with `from < to`, by ascending target, then by ascending source.
    pub edges: Vec<(usize, usize)>,
}

/// One operation of an architecture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The operation's name, such as `input`, `nor_conv_3x3`, `output`.
    pub operation: String,
    /// Its own hyperparameters by name, such as `channels`, `kernel`, `stride`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
}

impl Node {
    /// The operation of the first node.
    pub const INPUT: &'static str = "input";
    /// The operation of the last node.
    pub const OUTPUT: &'static str = "output";
    /// Adds its inputs.
    pub const SUM: &'static str = "sum";
    /// Joins its inputs along the channels.
    pub const CONCAT: &'static str = "concat";
    /// One of the two outputs of earlier cells that a cell begins with.
    pub const CELL_INPUT: &'static str = "cell_input";
    /// Attributes that say where a node stands and not what it does: its cell, or by how much the image is smaller.
    pub const PLACES: [&'static str; 2] = ["cell", "level"];
    /// Names of the operation that gives zeros whatever its input: its edge counts as absent.
    pub const ZEROS: [&'static str; 3] = ["none", "zero", "zeroize"];
    /// Names of the operation that gives its input back.
    pub const IDENTITIES: [&'static str; 3] = ["skip_connect", "identity", "skip"];

    /// An operation without hyperparameters of its own.
    pub fn new(operation: impl Into<String>) -> Self {
        Self { operation: operation.into(), attributes: BTreeMap::new() }
    }

    /// The node with one more hyperparameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// The whole number that the attribute `name` holds.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attributes.get(name)? {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number that the attribute `name` holds.
    pub fn float(&self, name: &str) -> Option<f64> {
        self.attributes.get(name)?.as_f64()
    }

    /// The text that the attribute `name` holds.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the operation gives zeros only.
    pub fn is_zero(&self) -> bool {
        Self::ZEROS.contains(&self.operation.as_str())
    }

    /// Whether the operation gives its one input back. One with attributes (a stride, other channels) that are not
    /// [`PLACES`](Self::PLACES) does not.
    pub fn is_identity(&self) -> bool {
        Self::IDENTITIES.contains(&self.operation.as_str()) && self.has_places_only()
    }

    fn is_sum(&self) -> bool {
        self.operation == Self::SUM && self.has_places_only()
    }

    fn has_places_only(&self) -> bool {
        self.attributes.keys().all(|name| Self::PLACES.contains(&name.as_str()))
    }
}

impl ArchitectureGraph {
    /// A graph of the input alone, to be grown by [`add`](Self::add).
    pub fn with_input() -> Self {
        Self { nodes: vec![Node::new(Node::INPUT)], edges: Vec::new() }
    }

    /// Adds a node fed by the nodes `inputs`; returns its place.
    ///
    /// # Panics
    ///
    /// When an input is not in the graph yet.
    pub fn add(&mut self, node: Node, inputs: &[usize]) -> usize {
        let place = self.nodes.len();
        assert!(inputs.iter().all(|&input| input < place), "inputs come before what they feed");
        let start = self.edges.len();
        self.edges.extend(inputs.iter().map(|&input| (input, place)));
        self.edges[start..].sort_unstable();
        self.nodes.push(node);
        place
    }

    /// Checks what [`add`](Self::add) keeps, for a graph that came from elsewhere: at least an input and an output,
    /// edges within bounds, forward and in order.
    pub fn check(&self) -> Result<(), SpaceError> {
        let bad = |problem: String| Err(SpaceError::BadArchitecture { problem });
        let n = self.nodes.len();
        if n < 2 || self.nodes[0].operation != Node::INPUT || self.nodes[n - 1].operation != Node::OUTPUT {
            return bad("a graph starts with `input` and ends with `output`".into());
        }
        if let Some((from, to)) = self.edges.iter().find(|(from, to)| from >= to || *to >= n) {
            return bad(format!("the edge {from} to {to} does not lead forward within {n} nodes"));
        }
        if !self.edges.is_sorted_by_key(|&(from, to)| (to, from)) {
            return bad("edges do not ascend; hint: sort them by target, then by source".into());
        }
        Ok(())
    }

    /// The places that feed each node, ascending, `[n]`.
    pub fn inputs(&self) -> Vec<Vec<usize>> {
        let mut inputs = vec![Vec::new(); self.nodes.len()];
        for &(from, to) in &self.edges {
            inputs[to].push(from);
        }
        inputs
    }

    /// The same network with nothing superfluous: zero operations and whatever does not lie on a path from input to
    /// output are left out, identities and joins of one input are contracted, sums of sums are one sum.
    ///
    /// Where no path is left the graph is `input` and `output` without an edge. A graph that came from elsewhere must
    /// have passed [`check`](Self::check).
    #[must_use]
    pub fn simplified(&self) -> Self {
        let inputs = self.inputs();
        let alive = self.alive(&inputs);
        let mut simple = Self::with_input();
        // What each old node has become: terms of a sum, most often a single one.
        let mut terms: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        // The new nodes that add such terms, by the terms: a sum is one, read directly or through an identity.
        let mut adders: HashMap<Vec<usize>, Vec<usize>> = HashMap::new();
        terms[0] = vec![0];
        let last = self.nodes.len() - 1;
        for place in 1..self.nodes.len() {
            let node = &self.nodes[place];
            let sources: Vec<usize> = inputs[place].iter().copied().filter(|&from| alive[from]).collect();
            if !alive[place] && place != last {
                continue;
            }
            let is_join = node.is_sum() || (node.operation == Node::CONCAT && sources.len() == 1);
            if is_join || (node.is_identity() && sources.len() == 1) {
                terms[place] = sources.iter().flat_map(|&from| terms[from].clone()).collect();
                continue;
            }
            let resolved: Vec<usize> = sources
                .iter()
                .map(|&from| match terms[from].as_slice() {
                    &[single] => single,
                    several => {
                        let mut sorted = several.to_vec();
                        sorted.sort_unstable();
                        let known = adders.entry(sorted).or_default();
                        let attributes = &self.nodes[from].attributes;
                        let is_same = |adder: &usize| simple.nodes[*adder].attributes == *attributes;
                        let same = known.iter().copied().find(is_same);
                        same.unwrap_or_else(|| {
                            let attributes = attributes.clone();
                            let adder = simple.add(Node { operation: Node::SUM.into(), attributes }, several);
                            known.push(adder);
                            adder
                        })
                    }
                })
                .collect();
            terms[place] = vec![simple.add(node.clone(), &resolved)];
        }
        simple
    }

    /// Whether each node lies on a path from input to output that no zero operation breaks.
    fn alive(&self, inputs: &[Vec<usize>]) -> Vec<bool> {
        let n = self.nodes.len();
        let mut reached = vec![false; n];
        reached[0] = true;
        for place in 1..n {
            reached[place] = !self.nodes[place].is_zero() && inputs[place].iter().any(|&from| reached[from]);
        }
        let mut useful = vec![false; n];
        useful[n - 1] = true;
        for place in (0..n).rev() {
            if useful[place] && reached[place] {
                inputs[place].iter().for_each(|&from| useful[from] = true);
            }
        }
        reached.iter().zip(useful).map(|(&reached, useful)| reached && useful).collect()
    }
}
