//! What a network does in evaluation, one step after another.

use super::{ExportError, NamedTensor};
use crate::{Layer, Network, Operation};

/// A layer that the result needs.
pub(super) struct Step<'a> {
    /// Its place in the network.
    pub(super) place: usize,
    pub(super) layer: &'a Layer,
    /// The places of what feeds it; each is that of another step, or 0, the input.
    pub(super) inputs: Vec<usize>,
    /// Its tensors, in the order of their layer.
    pub(super) tensors: &'a [NamedTensor],
}

impl Step<'_> {
    /// Its tensor with this name within the layer.
    pub(super) fn tensor(&self, suffix: &str) -> Option<&NamedTensor> {
        let of_layer = |tensor: &&NamedTensor| tensor.name.rsplit('.').next() == Some(suffix);
        self.tensors.iter().find(of_layer)
    }
}

/// The steps to a network's result.
pub(super) struct Steps<'a> {
    pub(super) steps: Vec<Step<'a>>,
    /// The place of the step whose result is the network's, or 0.
    pub(super) output: usize,
}

impl<'a> Steps<'a> {
    /// What the result needs, without layers that pass on what they get.
    ///
    /// Errors with [`ExportError::Tensor`] where `tensors` are not the network's, in its order.
    pub(super) fn new(network: &'a Network, tensors: &'a [NamedTensor]) -> Result<Self, ExportError> {
        Ok(Self::of(network, &by_layer(network, tensors)?, passes_on))
    }

    /// The same without tensors, and with dropout: it counts for those who train the network further.
    pub(super) fn with_dropout(network: &'a Network) -> Self {
        let is_passage =
            |layer: &Layer| passes_on(layer) && !matches!(layer.operation, Operation::Dropout { .. });
        Self::of(network, &vec![&[][..]; network.layers().len()], is_passage)
    }

    fn of(network: &'a Network, of_layers: &[&'a [NamedTensor]], passes_on: impl Fn(&Layer) -> bool) -> Self {
        let layers = network.layers();
        let mut stands_for: Vec<usize> = (0..layers.len()).collect();
        for (place, layer) in layers.iter().enumerate() {
            if passes_on(layer) {
                stands_for[place] = stands_for[layer.inputs[0]];
            }
        }
        let output = stands_for[network.output()];
        let mut is_needed = vec![false; layers.len()];
        is_needed[output] = true;
        for place in (1..layers.len()).rev().filter(|&place| stands_for[place] == place) {
            if is_needed[place] {
                layers[place].inputs.iter().for_each(|&input| is_needed[stands_for[input]] = true);
            }
        }
        let step = |place: usize| Step {
            place,
            layer: &layers[place],
            inputs: layers[place].inputs.iter().map(|&input| stands_for[input]).collect(),
            tensors: of_layers[place],
        };
        Self { steps: (1..layers.len()).filter(|&place| is_needed[place]).map(step).collect(), output }
    }
}

/// Whether a layer does nothing in evaluation.
fn passes_on(layer: &Layer) -> bool {
    match layer.operation {
        Operation::Dropout { .. } | Operation::DropPath => true,
        Operation::Sum | Operation::Concat => layer.inputs.len() == 1,
        _ => false,
    }
}

fn by_layer<'a>(
    network: &Network,
    tensors: &'a [NamedTensor],
) -> Result<Vec<&'a [NamedTensor]>, ExportError> {
    let specs = network.tensors();
    let mut of_layers: Vec<&[NamedTensor]> = vec![&[]; network.layers().len()];
    for (at, spec) in specs.iter().enumerate() {
        match tensors.get(at) {
            Some(tensor) if tensor.name == spec.name && tensor.shape == spec.shape => {
                tensor.check_length()?
            }
            Some(other) => {
                let problem = format!(
                    "the network needs it with shape {:?} and `{}` with {:?} stands in its place",
                    spec.shape, other.name, other.shape
                );
                return Err(ExportError::tensor(&spec.name, problem));
            }
            None => return Err(ExportError::tensor(&spec.name, "the network needs it and it is not there")),
        }
        let first = at + 1 - specs[..=at].iter().rev().take_while(|other| other.layer == spec.layer).count();
        of_layers[spec.layer] = &tensors[first..=at];
    }
    match tensors.get(specs.len()) {
        Some(more) => Err(ExportError::tensor(&more.name, "the network has no such tensor")),
        None => Ok(of_layers),
    }
}
