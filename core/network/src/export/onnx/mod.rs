//! A network as ONNX: opset 17, the batch's size left open.

mod nodes;
mod protobuf;

use protobuf::Message;

use super::steps::Steps;
use super::{ExportError, NamedTensor};
use crate::{Network, Preparation};

/// The version of the file format that belongs to [`OPSET`].
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;

/// The name of the input in the file, `[batch, sample…]`.
const INPUT: &str = "input";
/// The name of the result, `[batch, outputs…]`.
const OUTPUT: &str = "output";

/// The bytes of an ONNX file with the network and its tensors, in the order of [`Network::tensors`].
///
/// `preparation`, where given, is put among the file's metadata as JSON: `preparation`.
///
/// Errors with [`ExportError::Tensor`] where the tensors are not the network's.
pub fn onnx(
    network: &Network,
    tensors: &[NamedTensor],
    preparation: Option<&Preparation>,
) -> Result<Vec<u8>, ExportError> {
    let steps = Steps::new(network, tensors)?;
    let mut model = Message::default();
    model.int(1, IR_VERSION);
    model.text(2, "heirloom");
    model.text(3, env!("CARGO_PKG_VERSION"));
    model.message(7, &graph(network, &steps));
    let mut opset = Message::default();
    opset.text(1, "");
    opset.int(2, OPSET);
    model.message(8, &opset);
    if let Some(preparation) = preparation {
        let mut entry = Message::default();
        entry.text(1, "preparation");
        entry.text(2, &serde_json::to_string(preparation).expect("a preparation is JSON"));
        model.message(14, &entry);
    }
    Ok(model.into_bytes())
}

fn graph(network: &Network, steps: &Steps<'_>) -> Message {
    let nodes::Graph { nodes, constants } = nodes::of(network, steps);
    let mut graph = Message::default();
    nodes.iter().for_each(|node| graph.message(1, node));
    graph.text(2, "network");
    constants.iter().for_each(|constant| graph.message(5, constant));
    graph.message(11, &value_info(INPUT, &network.input_shape().0));
    graph.message(12, &value_info(OUTPUT, &network.output_shape().0));
    graph
}

/// A name with its type: 32-bit numbers, `[batch, sample…]`.
fn value_info(name: &str, sample: &[usize]) -> Message {
    let mut shape = Message::default();
    let mut batch = Message::default();
    batch.text(2, "batch");
    shape.message(1, &batch);
    for &size in sample {
        let mut dimension = Message::default();
        dimension.int(1, size as i64);
        shape.message(1, &dimension);
    }
    let mut tensor_type = Message::default();
    tensor_type.int(1, protobuf::FLOAT);
    tensor_type.message(2, &shape);
    let mut kind = Message::default();
    kind.message(1, &tensor_type);
    let mut info = Message::default();
    info.text(1, name);
    info.message(2, &kind);
    info
}
