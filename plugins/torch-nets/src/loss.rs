//! Losses.

use tch::{Kind, Reduction, TchError, Tensor};

use crate::TorchError;

/// What is minimised in training.
#[derive(Debug)]
pub enum Loss {
    /// Cross-entropy of class scores `[batch, classes]`, or of each pixel's `[batch, classes, height, width]`.
    CrossEntropy {
        /// The share of each target that is spread over all classes. Szegedy et al. 2016.
        label_smoothing: f64,
        /// A weight for each class, `[classes]`.
        class_weights: Option<Tensor>,
    },
    /// Mean squared error of values, `[batch, outputs]`.
    SquaredError,
}

impl Loss {
    /// The mean loss of `output` against `target`: class indices (64-bit) or values in the output's shape.
    pub fn of(&self, output: &Tensor, target: &Tensor) -> Result<Tensor, TorchError> {
        let loss: Result<Tensor, TchError> = match self {
            Self::CrossEntropy { label_smoothing, class_weights } => output.f_cross_entropy_loss(
                target,
                class_weights.as_ref(),
                Reduction::Mean,
                -100,
                *label_smoothing,
            ),
            Self::SquaredError => output.f_mse_loss(target, Reduction::Mean),
        };
        loss.map_err(|error| TorchError::new("the loss", &[output, target], &error))
    }

    /// The loss against a mixture of two targets: `share` of the first, the rest of the second. Zhang et al. 2018
    /// (mix-up).
    pub fn of_mixed(
        &self,
        output: &Tensor,
        [first, second]: [&Tensor; 2],
        share: f64,
    ) -> Result<Tensor, TorchError> {
        let (first, second) = (self.of(output, first)?, self.of(output, second)?);
        first
            .f_mul_scalar(share)
            .and_then(|first| first.f_add(&second.f_mul_scalar(1.0 - share)?))
            .map_err(TorchError::at("mixing losses"))
    }

    /// Weights inversely proportional to the classes' counts, with mean 1 over the samples: `[classes]`. A class
    /// without samples weighs nothing.
    pub fn balanced(counts: &[usize]) -> Result<Tensor, TorchError> {
        let total: usize = counts.iter().sum();
        let present = counts.iter().filter(|&&count| count > 0).count();
        let weight = |&count: &usize| match count {
            0 => 0.0,
            _ => total as f64 / (present * count) as f64,
        };
        let weights: Vec<f64> = counts.iter().map(weight).collect();
        Tensor::f_from_slice(&weights)
            .and_then(|weights| weights.f_to_kind(Kind::Float))
            .map_err(TorchError::at("class weights"))
    }
}
