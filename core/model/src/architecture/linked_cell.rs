//! Cells in which every node has one input: NAS-Bench-Graph (Qin et al. 2022).

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::space::{Configuration, ParameterSpec, ParameterType, Space, SpaceError};

use super::text::Cursor;
use super::{ArchitectureGraph, Node};

/// A cell whose shape is one of a list and whose nodes each have one of `operations`; the outputs that feed no
/// other node are joined along the channels. One that only passes the cell's input on is not among them, where there
/// are others: raw features have another width.
///
/// ```toml
/// [architecture]
/// kind = "linked-cell"
/// links = ["0000", "0001", "0011"]
/// operations = ["gat", "gcn", "skip"]
/// ```
///
/// Digit `i` of a shape is the node that feeds node `i`, both counted from 1; 0 is the cell's input. Compiles to
/// `links` and one `op_i` a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkedCell {
    /// The shapes, all of the same length.
    pub links: Vec<String>,
    /// What a node may do.
    pub operations: Vec<String>,
}

impl LinkedCell {
    /// The cells of NAS-Bench-Graph: nine shapes of four nodes, nine operations.
    pub fn nas_bench_graph() -> Self {
        let links = ["0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123"];
        let operations = ["gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip"];
        Self { links: links.map(String::from).to_vec(), operations: operations.map(String::from).to_vec() }
    }

    /// Reads the number under which NAS-Bench-Graph keeps a cell: the place of its shape, then one digit a node, the
    /// place of its operation; zeros in front may be left out. Parameters of `space` that are no part of the cell
    /// get their defaults.
    ///
    /// Errors with [`SpaceError::BadText`], which names the place in the text.
    pub fn parse(&self, space: &Space, text: &str) -> Result<Configuration, SpaceError> {
        self.check_digits()?;
        let n_digits = self.n_nodes() + 1;
        let padded = format!("{text:0>n_digits$}");
        let mut cursor = Cursor::new(&padded);
        let mut values = vec![cursor.digit(self.links.len())? as f64];
        for _ in 0..self.n_nodes() {
            values.push(cursor.digit(self.operations.len())? as f64);
        }
        cursor.end()?;
        space.with_architecture(&values)
    }

    /// Writes that number.
    pub fn format(&self, space: &Space, configuration: &Configuration) -> Result<String, SpaceError> {
        self.check_digits()?;
        let values = space.architecture_values(configuration)?;
        let number = values.iter().fold(0u128, |number, &digit| number * 10 + digit as u128);
        Ok(number.to_string())
    }

    pub(super) fn parameters(&self) -> Result<Vec<ParameterSpec>, SpaceError> {
        let is_shape = |links: &String| {
            links.len() == self.n_nodes()
                && links
                    .bytes()
                    .enumerate()
                    .all(|(node, from)| from.is_ascii_digit() && usize::from(from - b'0') <= node)
        };
        if let Some(wrong) = self.links.iter().find(|links| !is_shape(links)) {
            let problem = format!(
                "`{wrong}` is no shape; hint: one digit a node, the number of an earlier node or 0, as many in \
                 every shape"
            );
            return Err(SpaceError::BadArchitecture { problem });
        }
        if self.n_nodes() == 0 {
            return Err(SpaceError::BadArchitecture { problem: "`links` holds no shape".into() });
        }
        let categorical = |name: String, choices: &[String]| {
            let choices: Vec<Value> = choices.iter().map(|choice| choice.as_str().into()).collect();
            ParameterSpec::new(name, ParameterType::Categorical { choices })
        };
        let operation = |node| categorical(format!("op_{node}"), &self.operations);
        let links = categorical("links".into(), &self.links);
        Ok([links].into_iter().chain((1..=self.n_nodes()).map(operation)).collect())
    }

    pub(super) fn decode(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Result<ArchitectureGraph, SpaceError> {
        let values = space.architecture_values(configuration)?;
        let sources: Vec<usize> =
            self.links[values[0] as usize].bytes().map(|digit| usize::from(digit - b'0')).collect();
        let mut graph = ArchitectureGraph::with_input();
        for (source, &operation) in sources.iter().zip(&values[1..]) {
            graph.add(Node::new(&*self.operations[operation as usize]), &[*source]);
        }
        let mut is_raw = vec![true];
        for (node, &source) in sources.iter().enumerate() {
            is_raw.push(is_raw[source] && graph.nodes[node + 1].is_identity());
        }
        let leaves: Vec<usize> =
            (1..=self.n_nodes()).filter(|node| !sources.contains(node) && !is_raw[*node]).collect();
        let output = match leaves.as_slice() {
            &[] => 0,
            &[single] => single,
            several => graph.add(Node::new(Node::CONCAT), several),
        };
        graph.add(Node::new(Node::OUTPUT), &[output]);
        Ok(graph)
    }

    /// Nodes of a cell, without input and output.
    pub fn n_nodes(&self) -> usize {
        self.links.first().map_or(0, String::len)
    }

    fn check_digits(&self) -> Result<(), SpaceError> {
        if self.operations.len() <= 10 && self.links.len() <= 10 {
            return Ok(());
        }
        let problem = "more than ten shapes or operations have no digits; hint: give the parameters by name";
        Err(SpaceError::BadArchitecture { problem: problem.into() })
    }
}

#[cfg(test)]
mod tests;
