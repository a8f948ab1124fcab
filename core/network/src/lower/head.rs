//! The end of a network.

use crate::{NetworkError, Operation, Resampling};

use super::layers::Layers;
use super::{Frame, Head};

/// From features or an image to classes, values, or an image of the input's size.
pub(super) fn head(frame: &Frame, layers: &mut Layers, input: usize) -> Result<usize, NetworkError> {
    match frame.head {
        Head::Classes(outputs) | Head::Values(outputs) => {
            let features = layers.global_pool("head", input)?;
            layers.add("head.linear", Operation::Linear { outputs, bias: true }, features)
        }
        Head::Dense(outputs) => {
            let bias = true;
            let operation = Operation::Conv {
                outputs,
                kernel: [1; 2],
                stride: 1,
                padding: [0; 2],
                dilation: 1,
                groups: 1,
                bias,
            };
            let mapped = layers.add("head.pixels", operation, input)?;
            let size = layers.size(crate::NetworkBuilder::INPUT);
            match size.filter(|size| layers.size(mapped) != Some(*size)) {
                Some(size) => {
                    let operation = Operation::Resize { size, mode: Resampling::Bilinear };
                    layers.add("head.resize", operation, mapped)
                }
                None => Ok(mapped),
            }
        }
    }
}
