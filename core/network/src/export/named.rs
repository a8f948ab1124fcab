//! Tensors outside LibTorch: a name, sizes, numbers.

use std::collections::HashMap;

use super::ExportError;
use crate::Network;

/// A tensor of 32-bit numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Its name, such as `stem.conv.weight`.
    pub name: String,
    /// Its sizes; none for a single number.
    pub shape: Vec<usize>,
    /// Its numbers, the last dimension fastest: as many as the product of `shape`.
    pub values: Vec<f32>,
}

impl NamedTensor {
    /// The numbers as they are stored, little-endian.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    pub(crate) fn check_length(&self) -> Result<(), ExportError> {
        let n: usize = self.shape.iter().product();
        if n == self.values.len() {
            return Ok(());
        }
        let problem =
            format!("the shape {:?} asks for {n} numbers, there are {}", self.shape, self.values.len());
        Err(ExportError::tensor(&self.name, problem))
    }
}

/// `tensors` in the order of [`Network::tensors`].
///
/// Errors with [`ExportError::Tensor`] where one that the network needs is missing or has another shape, or one is
/// there that it does not have.
pub fn in_order(network: &Network, tensors: Vec<NamedTensor>) -> Result<Vec<NamedTensor>, ExportError> {
    let mut by_name: HashMap<String, NamedTensor> = HashMap::with_capacity(tensors.len());
    for tensor in tensors {
        tensor.check_length()?;
        if let Some(twice) = by_name.insert(tensor.name.clone(), tensor) {
            return Err(ExportError::tensor(&twice.name, "it stands twice"));
        }
    }
    let specs = network.tensors();
    let mut ordered = Vec::with_capacity(specs.len());
    for spec in specs {
        let Some(tensor) = by_name.remove(&spec.name) else {
            return Err(ExportError::tensor(&spec.name, "the network needs it and it is not there"));
        };
        if tensor.shape != spec.shape {
            let problem = format!("the network needs {:?}, it has {:?}", spec.shape, tensor.shape);
            return Err(ExportError::tensor(&spec.name, problem));
        }
        ordered.push(tensor);
    }
    match by_name.into_keys().min() {
        Some(name) => Err(ExportError::tensor(&name, "the network has no such tensor")),
        None => Ok(ordered),
    }
}
