//! Networks of cells with operations on nodes: NAS-Bench-101 (Ying et al. 2019, figure 1 and section 2.3).

use heirloom_model::architecture::{ArchitectureGraph, Node};

use crate::{NetworkBuilder, NetworkError, Operation};

use super::Frame;
use super::block::{Block, Defaults, Setting};
use super::layers::{Convolution, Layers, Order, Pooling};
use super::walk::unfed;

/// Stem and stages of equal cells; each stage after the first starts with maximum pooling and twice the channels.
pub(super) fn lower(
    frame: &Frame,
    layers: &mut Layers,
    graph: &ArchitectureGraph,
) -> Result<usize, NetworkError> {
    let cell = Cell::of(graph)?;
    let stem = super::scaled(frame.stem_channels.unwrap_or(128), frame.width);
    let convolution = Convolution::new(stem, 3);
    let mut place = layers.conv("stem", convolution, Order::ActivationLast, NetworkBuilder::INPUT)?;
    let mut channels = stem;
    for stage in 1..=frame.n_stages {
        if stage > 1 {
            place = layers.halve(&format!("stage_{stage}.reduction"), Pooling::Maximum, place)?;
            channels *= 2;
        }
        for number in 1..=frame.cells_per_stage.unwrap_or(3) {
            place = cell.lower(layers, &format!("stage_{stage}.cell_{number}"), channels, place)?;
        }
    }
    Ok(place)
}

/// The nodes that are no joins, and for each the ones that feed it, directly or through joins.
#[derive(Debug)]
struct Cell<'a> {
    nodes: Vec<&'a Node>,
    feeds: Vec<Vec<usize>>,
}

impl<'a> Cell<'a> {
    fn of(graph: &'a ArchitectureGraph) -> Result<Self, NetworkError> {
        let fed_by = graph.inputs();
        let (mut nodes, mut feeds) = (Vec::new(), Vec::new());
        let mut behind: Vec<Vec<usize>> = Vec::with_capacity(graph.nodes.len());
        for (place, node) in graph.nodes.iter().enumerate() {
            let mut sources: Vec<usize> =
                fed_by[place].iter().flat_map(|&from| behind[from].clone()).collect();
            sources.sort_unstable();
            if place > 0 && sources.is_empty() {
                return Err(unfed(&format!("node_{}", nodes.len()), &node.operation));
            }
            if [Node::SUM, Node::CONCAT].contains(&node.operation.as_str()) {
                behind.push(sources);
            } else {
                behind.push(vec![nodes.len()]);
                nodes.push(node);
                feeds.push(sources);
            }
        }
        Ok(Self { nodes, feeds })
    }

    /// How many channels each node has: those that feed the output share its channels, the first ones taking what is
    /// left over; every other has as many as the widest that it feeds. An output of fewer channels than share it has
    /// one for each of them.
    fn widths(&self, outputs: usize) -> Vec<usize> {
        let last = self.nodes.len() - 1;
        let sharing: Vec<usize> = self.feeds[last].iter().copied().filter(|&node| node != 0).collect();
        let outputs = outputs.max(sharing.len());
        let mut widths = vec![0; self.nodes.len()];
        for (place, &node) in sharing.iter().enumerate() {
            widths[node] = outputs / sharing.len() + usize::from(place < outputs % sharing.len());
        }
        for node in (1..last).rev().filter(|node| !sharing.contains(node)) {
            let fed = (node + 1..last).filter(|&fed| self.feeds[fed].contains(&node));
            widths[node] = fed.map(|fed| widths[fed]).max().unwrap_or(outputs);
        }
        widths[last] = outputs;
        widths
    }

    /// The cell's input enters a node by a 1×1 convolution of its own; other nodes' results lose the channels that
    /// are too many.
    fn lower(
        &self,
        layers: &mut Layers,
        name: &str,
        outputs: usize,
        input: usize,
    ) -> Result<usize, NetworkError> {
        let order = Order::ActivationLast;
        let widths = self.widths(outputs);
        let last = self.nodes.len() - 1;
        let mut places = vec![input];
        for node in 1..last {
            let name = format!("{name}.node_{node}");
            let mut terms = Vec::new();
            for &from in self.feeds[node].iter().filter(|&&from| from != 0) {
                terms.push(if widths[from] > widths[node] {
                    let operation = Operation::Narrow { channels: widths[node] };
                    layers.add(format!("{name}.from_node_{from}.narrow"), operation, places[from])?
                } else {
                    places[from]
                });
            }
            if self.feeds[node].contains(&0) {
                let convolution = Convolution::new(widths[node], 1);
                terms.push(layers.conv(&format!("{name}.from_input"), convolution, order, input)?);
            }
            let joined = layers.sum(format!("{name}.sum"), &terms)?;
            let setting = Setting::new(order, 1.0);
            let block = Block::of(self.nodes[node], &name)?;
            places.push(block.apply(
                layers,
                setting,
                &name,
                self.nodes[node],
                Defaults::default(),
                joined,
            )?);
        }
        let name = format!("{name}.output");
        let sharing: Vec<usize> =
            self.feeds[last].iter().filter(|&&from| from != 0).map(|&from| places[from]).collect();
        let residual = if self.feeds[last].contains(&0) {
            let convolution = Convolution::new(widths[last], 1);
            Some(layers.conv(&format!("{name}.from_input"), convolution, order, input)?)
        } else {
            None
        };
        let joined = match sharing.as_slice() {
            [] => None,
            several => Some(layers.concat(format!("{name}.concat"), several)?),
        };
        match (joined, residual) {
            (Some(joined), Some(residual)) => layers.sum(format!("{name}.sum"), &[joined, residual]),
            (Some(only), None) | (None, Some(only)) => Ok(only),
            (None, None) => Err(unfed(&name, Node::OUTPUT)),
        }
    }
}
