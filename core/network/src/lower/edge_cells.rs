//! Networks of cells with operations on edges: NAS-Bench-201 (Dong & Yang 2020, figure 1).

use heirloom_model::architecture::{ArchitectureGraph, Node};

use crate::NetworkError;

use super::Frame;
use super::block::{Block, Defaults, Setting};
use super::layers::{Convolution, Layers, Order, Pooling};
use super::walk::unfed;

/// Stem, stages of equal cells with residual blocks between them, a last normalisation and activation. `edges` are
/// the cell's, in the order of the graph's operations.
pub(super) fn lower(
    frame: &Frame,
    layers: &mut Layers,
    edges: &[(usize, usize)],
    graph: &ArchitectureGraph,
) -> Result<usize, NetworkError> {
    let mut place = frame.stem(layers, frame.stem_channels.unwrap_or(16), crate::NetworkBuilder::INPUT)?;
    for stage in 1..=frame.n_stages {
        if stage > 1 {
            place = residual_reduction(layers, &format!("stage_{stage}.reduction"), place)?;
        }
        for cell in 1..=frame.cells_per_stage.unwrap_or(5) {
            place = lower_cell(layers, &format!("stage_{stage}.cell_{cell}"), edges, graph, place)?;
        }
    }
    let normalised = layers.norm("last", place)?;
    layers.relu("last", normalised)
}

/// One cell. Edges that give zeros are left out where another leads to the same node.
fn lower_cell(
    layers: &mut Layers,
    name: &str,
    edges: &[(usize, usize)],
    graph: &ArchitectureGraph,
    input: usize,
) -> Result<usize, NetworkError> {
    // What the operations' numbers of channels are is the cell's own; no width is left to be multiplied.
    let setting = Setting::new(Order::ActivationFirst, 1.0);
    let fed_by = graph.inputs();
    let mut edges = edges.iter();
    let mut places: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    let mut n_sums = 0;
    for (index, node) in graph.nodes.iter().enumerate() {
        let sources = &fed_by[index];
        let place = match node.operation.as_str() {
            Node::INPUT => input,
            Node::OUTPUT => {
                *sources.first().map(|&from| &places[from]).ok_or_else(|| unfed(name, Node::OUTPUT))?
            }
            Node::SUM => {
                n_sums += 1;
                let is_zero = |&&from: &&usize| graph.nodes[from].is_zero();
                let mut terms: Vec<usize> =
                    sources.iter().filter(|from| !is_zero(from)).map(|&from| places[from]).collect();
                if terms.is_empty() {
                    let first = sources.first().ok_or_else(|| unfed(name, Node::SUM))?;
                    let zero = crate::Operation::Zero { stride: 1 };
                    terms.push(layers.add(format!("{name}.zero_{n_sums}"), zero, places[*first])?);
                }
                layers.sum(format!("{name}.sum_{n_sums}"), &terms)?
            }
            _ => {
                let (from, to) = edges.next().ok_or_else(|| NetworkError::Architecture {
                    problem: format!("`{name}` has more operations than its cell has edges"),
                })?;
                let source = sources.first().ok_or_else(|| unfed(name, &node.operation))?;
                let name = format!("{name}.op_{from}_{to}");
                match Block::of(node, &name)? {
                    // Its sum knows that it is none.
                    Block::Zero => places[*source],
                    block => {
                        block.apply(layers, setting, &name, node, Defaults::default(), places[*source])?
                    }
                }
            }
        };
        places.push(place);
    }
    places.last().copied().ok_or_else(|| unfed(name, Node::OUTPUT))
}

/// The residual block between stages: half the side, twice the channels. Its shortcut averages and then convolves.
fn residual_reduction(layers: &mut Layers, name: &str, input: usize) -> Result<usize, NetworkError> {
    let channels = 2 * layers.channels(input);
    let order = Order::ActivationFirst;
    let halving = Convolution::new(channels, 3).stride(2);
    let first = layers.conv(&format!("{name}.first"), halving, order, input)?;
    let second = layers.conv(&format!("{name}.second"), Convolution::new(channels, 3), order, first)?;
    let pooled = layers.halve(&format!("{name}.shortcut"), Pooling::Average, input)?;
    let shortcut = layers.bare_conv(&format!("{name}.shortcut"), Convolution::new(channels, 1), pooled)?;
    layers.sum(format!("{name}.sum"), &[shortcut, second])
}
