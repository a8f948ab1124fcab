//! The tensors that a network needs: its parameters and its running statistics, by name and shape.

use serde::{Deserialize, Serialize};

use crate::{Network, Operation};

/// What a tensor is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TensorRole {
    /// Weights of a linear layer `[outputs, inputs]` or a convolution `[outputs, inputs / groups, height, width]`.
    Weight,
    /// What a linear layer or convolution adds, `[outputs]`.
    Bias,
    /// The scale after a normalisation, `[channels]`.
    Scale,
    /// The shift after a normalisation, `[channels]`.
    Shift,
    /// A normalisation's running mean, `[channels]`: no parameter.
    RunningMean,
    /// A normalisation's running variance, `[channels]`: no parameter.
    RunningVariance,
}

impl TensorRole {
    /// Whether training changes it by gradients.
    pub fn is_parameter(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVariance)
    }

    /// The tensor's name within its layer, as PyTorch has it.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Weight | Self::Scale => "weight",
            Self::Bias | Self::Shift => "bias",
            Self::RunningMean => "running_mean",
            Self::RunningVariance => "running_var",
        }
    }
}

/// A tensor that a network needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// The layer's name and, after a dot, the tensor's: `stem.conv.weight`.
    pub name: String,
    /// The place of its layer.
    pub layer: usize,
    /// What it is to the layer.
    pub role: TensorRole,
    /// Its sizes.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Network {
    /// All tensors in the order of their layers: the order of every list of weights.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = Vec::new();
        for (place, layer) in self.layers().iter().enumerate() {
            let mut add = |role: TensorRole, shape: Vec<usize>| {
                let name = format!("{}.{}", layer.name, role.suffix());
                tensors.push(TensorSpec { name, layer: place, role, shape });
            };
            let inputs = layer.inputs.first().map_or(0, |&input| self.shapes()[input].0[0]);
            match layer.operation {
                Operation::Linear { outputs, bias } => {
                    add(TensorRole::Weight, vec![outputs, inputs]);
                    if bias {
                        add(TensorRole::Bias, vec![outputs]);
                    }
                }
                Operation::Conv { outputs, kernel: [height, width], groups, bias, .. } => {
                    add(TensorRole::Weight, vec![outputs, inputs / groups, height, width]);
                    if bias {
                        add(TensorRole::Bias, vec![outputs]);
                    }
                }
                Operation::BatchNorm { affine } => {
                    if affine {
                        add(TensorRole::Scale, vec![inputs]);
                        add(TensorRole::Shift, vec![inputs]);
                    }
                    add(TensorRole::RunningMean, vec![inputs]);
                    add(TensorRole::RunningVariance, vec![inputs]);
                }
                _ => {}
            }
        }
        tensors
    }

    /// How many numbers training changes. Those of the auxiliary head alone are left out: it is gone after the training.
    pub fn n_parameters(&self) -> usize {
        let of_result = self.leading_to(self.output());
        let of_auxiliary = self.auxiliary().map(|place| self.leading_to(place));
        let is_auxiliary = |layer: usize| of_auxiliary.as_ref().is_some_and(|layers| layers[layer]);
        self.n_parameters_of(|layer| of_result[layer] || !is_auxiliary(layer))
    }

    /// How many of [them](Self::n_parameters) the result depends on: a cell's counts are published with edges that lead
    /// nowhere.
    pub fn n_parameters_of_result(&self) -> usize {
        let of_result = self.leading_to(self.output());
        self.n_parameters_of(|layer| of_result[layer])
    }

    fn n_parameters_of(&self, counts: impl Fn(usize) -> bool) -> usize {
        let tensors = self.tensors();
        let counted = tensors.iter().filter(|tensor| tensor.role.is_parameter() && counts(tensor.layer));
        counted.map(TensorSpec::len).sum()
    }
}
