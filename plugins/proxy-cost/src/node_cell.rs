//! What a cell with operations on its nodes costs: NAS-Bench-101's rules for widths (Ying et al. 2019, section 2.3).

use heirloom_plugin::architecture::{ArchitectureGraph, Node};

use crate::operation::Operation;
use crate::{Shape, Tally};

/// The cost of one cell from `input` to `output`.
///
/// The nodes that feed the output share its channels; every other node has as many as the widest that it feeds. The
/// cell's input is projected, by a 1×1 convolution, to whatever it feeds.
pub(crate) fn node_cell(graph: &ArchitectureGraph, input: Shape, output: Shape) -> Option<Tally> {
    let (nodes, feeds) = without_joins(graph);
    let last = nodes.len().checked_sub(1)?;
    let mut widths = vec![0; nodes.len()];
    let sharing: Vec<usize> = feeds[last].iter().copied().filter(|&node| node != 0).collect();
    for (place, &node) in sharing.iter().enumerate() {
        let n = sharing.len() as u64;
        widths[node] = output.channels / n + u64::from((place as u64) < output.channels % n);
    }
    for node in (1..last).rev().filter(|node| !sharing.contains(node)) {
        widths[node] =
            (node + 1..last).filter(|&fed| feeds[fed].contains(&node)).map(|fed| widths[fed]).max()?;
    }
    widths[last] = output.channels;
    let mut total = Tally::default();
    for node in 1..=last {
        let shape = Shape { channels: widths[node], ..output };
        if feeds[node].contains(&0) {
            total += Tally::normalised(input, shape, 1);
        }
        if node != last {
            total += Operation::parse(&nodes[node].operation, None)?.apply(shape, None, 1).1;
        }
    }
    Some(total)
}

/// The nodes that are no joins, and for each the ones that feed it, directly or through joins.
fn without_joins(graph: &ArchitectureGraph) -> (Vec<&Node>, Vec<Vec<usize>>) {
    let inputs = graph.inputs();
    let (mut nodes, mut feeds) = (Vec::new(), Vec::new());
    let mut behind: Vec<Vec<usize>> = Vec::with_capacity(graph.nodes.len());
    for (place, node) in graph.nodes.iter().enumerate() {
        let mut sources: Vec<usize> = inputs[place].iter().flat_map(|&from| behind[from].clone()).collect();
        sources.sort_unstable();
        if [Node::SUM, Node::CONCAT].contains(&node.operation.as_str()) {
            behind.push(sources);
        } else {
            behind.push(vec![nodes.len()]);
            nodes.push(node);
            feeds.push(sources);
        }
    }
    (nodes, feeds)
}
