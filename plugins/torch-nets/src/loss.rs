//! Losses.

use tch::{Kind, Reduction, TchError, Tensor};

use crate::TorchError;
use crate::data::UNLABELLED;

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
    /// Mean squared error of values, `[batch, outputs]`, or of each pixel's, `[batch, outputs, height, width]`.
    SquaredError,
}

impl Loss {
    /// The mean loss of `output` against `target`: class indices (64-bit) or values in the output's shape. Of pixels,
    /// those count that have a target: a class index that is not -100, a value that is not NaN; where none has, it is 0.
    pub fn of(&self, output: &Tensor, target: &Tensor) -> Result<Tensor, TorchError> {
        let loss =
            if output.dim() == 4 { self.of_pixels(output, target) } else { self.of_rows(output, target) };
        loss.map_err(|error| TorchError::new("the loss", &[output, target], &error))
    }

    fn of_rows(&self, output: &Tensor, target: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::CrossEntropy { label_smoothing, class_weights } => {
                let weights = class_weights.as_ref();
                output.f_cross_entropy_loss(target, weights, Reduction::Mean, UNLABELLED, *label_smoothing)
            }
            Self::SquaredError => output.f_mse_loss(target, Reduction::Mean),
        }
    }

    /// LibTorch's mean is NaN where no pixel counts, which happens: an image can be shifted until none is left.
    fn of_pixels(&self, output: &Tensor, target: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::CrossEntropy { label_smoothing, class_weights } => {
                let weights = class_weights.as_ref();
                let sum = output.f_cross_entropy_loss(
                    target,
                    weights,
                    Reduction::Sum,
                    UNLABELLED,
                    *label_smoothing,
                )?;
                let counts = target.f_ne(UNLABELLED)?.f_to_kind(Kind::Float)?;
                let counts = match weights {
                    Some(weights) => weights.f_take(&target.f_clamp_min(0)?)?.f_mul(&counts)?,
                    None => counts,
                };
                sum.f_div(&counts.f_sum(Kind::Float)?.f_clamp_min(f64::from(f32::MIN_POSITIVE))?)
            }
            Self::SquaredError => {
                let is_none = target.f_isnan()?;
                let sum =
                    output.f_sub(target)?.f_masked_fill(&is_none, 0.0)?.f_square()?.f_sum(Kind::Float)?;
                sum.f_div(&is_none.f_logical_not()?.f_sum(Kind::Float)?.f_clamp_min(1.0)?)
            }
        }
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
