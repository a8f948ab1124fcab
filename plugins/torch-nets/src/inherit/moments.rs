//! What a parent's normalisations say of the numbers at a place: a new batch norm put there starts from it.

use heirloom_network::{Activation, Network, Operation, TensorRole};
use tch::{TchError, Tensor};

use super::maps::Tensors;

/// Mean and variance of each unit at `place`, `[units]` each; `None` where nothing is known.
///
/// After a batch norm they are its shift and squared scale; a rectifier behind it leaves the moments of a rectified
/// normal variable. A new batch norm with these statistics changes little in training too, where it normalises by the
/// batch.
pub(super) fn moments(
    network: &Network,
    tensors: &Tensors<'_>,
    place: usize,
    in_sum: bool,
) -> Result<Option<(Tensor, Tensor)>, TchError> {
    let layer = &network.layers()[place];
    match layer.operation {
        Operation::BatchNorm { affine: true } => {
            let tensor = |role| tensors.get(&(place, role)).map(|tensor| tensor.detach());
            Ok(match (tensor(TensorRole::Shift), tensor(TensorRole::Scale)) {
                (Some(shift), Some(scale)) => Some((shift, scale.f_square()?)),
                _ => None,
            })
        }
        Operation::Activation { function: Activation::Relu } => {
            let Some((mean, variance)) = moments(network, tensors, layer.inputs[0], in_sum)? else {
                return Ok(None);
            };
            let deviation = variance.f_sqrt()?.f_clamp_min(1e-6)?;
            let ratio = mean.f_div(&deviation)?;
            // Φ and φ of the ratio.
            let below = ratio.f_mul_scalar(std::f64::consts::FRAC_1_SQRT_2)?.f_erf()?;
            let below = below.f_add_scalar(1.0)?.f_mul_scalar(0.5)?;
            let density = ratio.f_square()?.f_mul_scalar(-0.5)?.f_exp()?;
            let density = density.f_mul_scalar((2.0 * std::f64::consts::PI).sqrt().recip())?;
            let first = mean.f_mul(&below)?.f_add(&deviation.f_mul(&density)?)?;
            let square = mean.f_square()?.f_add(&variance)?.f_mul(&below)?;
            let second = square.f_add(&mean.f_mul(&deviation)?.f_mul(&density)?)?;
            let variance = second.f_sub(&first.f_square()?)?.f_clamp_min(1e-6)?;
            Ok(Some((first, variance)))
        }
        Operation::Dropout { .. } | Operation::DropPath => moments(network, tensors, layer.inputs[0], in_sum),
        // Sums of sums are left alone: the paths through a network are too many to follow.
        Operation::Sum if !in_sum => {
            let mut sum: Option<(Tensor, Tensor)> = None;
            for &input in &layer.inputs {
                let Some((mean, variance)) = moments(network, tensors, input, true)? else { return Ok(None) };
                sum = Some(match sum {
                    None => (mean, variance),
                    Some(sum) => (sum.0.f_add(&mean)?, sum.1.f_add(&variance)?),
                });
            }
            Ok(sum)
        }
        _ => Ok(None),
    }
}
