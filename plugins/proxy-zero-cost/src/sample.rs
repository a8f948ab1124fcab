//! What an untrained network is shown.

use heirloom_torch_nets::{Loss, TorchError};
use tch::Tensor;

/// Inputs with targets.
#[derive(Debug)]
pub struct Sample {
    /// `[n, sample…]`
    pub inputs: Tensor,
    /// What is wanted for each.
    pub targets: Targets,
}

/// What is wanted of a network.
#[derive(Debug)]
pub enum Targets {
    /// Class indices `[n]`, 64-bit.
    Classes(Tensor),
    /// Numbers, `[n, outputs]`.
    Values(Tensor),
}

impl Targets {
    fn tensor(&self) -> &Tensor {
        match self {
            Self::Classes(tensor) | Self::Values(tensor) => tensor,
        }
    }
}

impl Sample {
    /// How many inputs.
    pub fn len(&self) -> i64 {
        self.inputs.size()[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The mean loss of `output`: cross-entropy of classes, else the squared error.
    pub(crate) fn loss(&self, output: &Tensor) -> Result<Tensor, TorchError> {
        let loss = match self.targets {
            Targets::Classes(_) => Loss::CrossEntropy { label_smoothing: 0.0, class_weights: None },
            Targets::Values(_) => Loss::SquaredError,
        };
        loss.of(output, self.targets.tensor())
    }

    /// `length` of them from `start`.
    pub(crate) fn part(&self, start: i64, length: i64) -> Result<Self, TorchError> {
        let narrowed = |tensor: &Tensor| {
            tensor
                .f_narrow(0, start, length)
                .map_err(|error| TorchError::new("part of a batch", &[tensor], &error))
        };
        let targets = match &self.targets {
            Targets::Classes(classes) => Targets::Classes(narrowed(classes)?),
            Targets::Values(values) => Targets::Values(narrowed(values)?),
        };
        Ok(Self { inputs: narrowed(&self.inputs)?, targets })
    }
}
