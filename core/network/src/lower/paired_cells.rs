//! Networks of normal and reduction cells: NASNet (Zoph et al. 2018) as DARTS evaluates it (Liu, Simonyan & Yang 2019).

use heirloom_model::architecture::{ArchitectureGraph, Node};

use crate::{Activation, NetworkBuilder, NetworkError, Operation};

use super::block::{Block, Defaults, Setting};
use super::layers::{Convolution, Layers, Order};
use super::walk::unfed;
use super::{Frame, Head};

/// How many times the channels of a cell its stem has.
const STEM_MULTIPLIER: usize = 3;

/// Stem and cells, the reduction cell after one and after two thirds of them; returns the place of the last cell's
/// output, and that of the auxiliary head's.
pub(super) fn lower(
    frame: &Frame,
    layers: &mut Layers,
    graph: &ArchitectureGraph,
) -> Result<(usize, Option<usize>), NetworkError> {
    let n_cells = frame.cells.unwrap_or(8);
    let mut channels = super::scaled(frame.stem_channels.unwrap_or(16), frame.width);
    let stem = Convolution::new(STEM_MULTIPLIER * channels, 3);
    let stem = layers.conv_norm("stem", stem, NetworkBuilder::INPUT)?;
    let (mut before, mut previous) = (stem, stem);
    let mut auxiliary = None;
    for cell in 0..n_cells {
        let is_reduction = [n_cells / 3, 2 * n_cells / 3].contains(&cell);
        channels *= if is_reduction { 2 } else { 1 };
        let kind = if is_reduction { "reduction" } else { "normal" };
        let name = format!("cell_{}", cell + 1);
        let output = lower_cell(layers, graph, kind, &name, channels, [before, previous])?;
        (before, previous) = (previous, output);
        if frame.auxiliary && cell == 2 * n_cells / 3 {
            auxiliary = auxiliary_head(frame, layers, output)?;
        }
    }
    Ok((previous, auxiliary))
}

/// One cell of the graph's two, fed by the two cells before it.
fn lower_cell(
    layers: &mut Layers,
    graph: &ArchitectureGraph,
    kind: &str,
    name: &str,
    channels: usize,
    inputs: [usize; 2],
) -> Result<usize, NetworkError> {
    let order = Order::ActivationFirst;
    // The operations' channels are the cell's.
    let setting = Setting { factorized_identity: true, ..Setting::new(order, 1.0) };
    let is_larger = layers.size(inputs[0]) != layers.size(inputs[1]);
    let first = format!("{name}.input_0");
    let inputs = [
        if is_larger {
            layers.factorized_reduction(&first, channels, inputs[0])?
        } else {
            layers.conv(&first, Convolution::new(channels, 1), order, inputs[0])?
        },
        layers.conv(&format!("{name}.input_1"), Convolution::new(channels, 1), order, inputs[1])?,
    ];
    let fed_by = graph.inputs();
    let mut places = vec![None; graph.nodes.len()];
    let mut output = None;
    // Nodes are numbered from 2, their operations are `a` and `b`.
    let (mut node_number, mut edge) = (2, b'a');
    for (index, node) in graph.nodes.iter().enumerate() {
        if node.attributes.get("cell").map(ToString::to_string).as_deref() != Some(kind) {
            continue;
        }
        let sources: Vec<usize> = fed_by[index].iter().filter_map(|&from| places[from]).collect();
        let node_name = format!("{name}.node_{node_number}");
        let place = match node.operation.as_str() {
            Node::CELL_INPUT => inputs[usize::from(node.int("position") == Some(1))],
            Node::SUM => {
                (node_number, edge) = (node_number + 1, b'a');
                layers.sum(format!("{node_name}.sum"), &sources)?
            }
            Node::CONCAT => layers.concat(format!("{name}.concat"), &sources)?,
            _ => {
                let edge_name = format!("{node_name}.{}", char::from(edge));
                edge += 1;
                let source = *sources.first().ok_or_else(|| unfed(&edge_name, &node.operation))?;
                let block = Block::of(node, &edge_name)?;
                let place = block.apply(layers, setting, &edge_name, node, Defaults::default(), source)?;
                if place == source {
                    place
                } else {
                    layers.add(format!("{edge_name}.drop_path"), Operation::DropPath, place)?
                }
            }
        };
        places[index] = Some(place);
        output = Some(place);
    }
    output.ok_or_else(|| NetworkError::Architecture {
        problem: format!("the architecture has no `{kind}` cell; hint: nodes say it by the attribute `cell`"),
    })
}

/// Classes from the middle of the network, for training alone: pooled to windows of 5, a 1×1 convolution to 128 and
/// one over 2×2 pixels to 768 channels. Smaller windows where the image is smaller than DARTS's on CIFAR.
fn auxiliary_head(frame: &Frame, layers: &mut Layers, input: usize) -> Result<Option<usize>, NetworkError> {
    let outputs = match frame.head {
        Head::Classes(outputs) | Head::Values(outputs) => outputs,
        Head::Dense(_) => return Ok(None),
    };
    let relu = Operation::activation(Activation::Relu);
    let smallest = |layers: &Layers, place| layers.size(place).map_or(1, |[height, width]| height.min(width));
    let active = layers.relu("auxiliary", input)?;
    let kernel = smallest(layers, active).min(5);
    let pooling = Operation::AveragePool { kernel, stride: 3, padding: 0 };
    let pooled = layers.add("auxiliary.pool", pooling, active)?;
    let narrow = Convolution::new(super::scaled(128, frame.width), 1);
    let place = layers.conv("auxiliary.first", narrow, Order::ActivationLast, pooled)?;
    let operation = Operation::Conv {
        outputs: super::scaled(768, frame.width),
        kernel: [smallest(layers, place).min(2); 2],
        stride: 1,
        padding: [0; 2],
        dilation: 1,
        groups: 1,
        bias: false,
    };
    let place = layers.add("auxiliary.second.conv", operation, place)?;
    let place = layers.norm("auxiliary.second", place)?;
    let place = layers.add("auxiliary.second.activation", relu, place)?;
    // One pixel is left of CIFAR's images; of larger ones, more.
    let place = layers.global_pool("auxiliary.last", place)?;
    let operation = Operation::Linear { outputs, bias: true };
    Ok(Some(layers.add("auxiliary.linear", operation, place)?))
}
