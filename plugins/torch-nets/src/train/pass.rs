//! What happens to a batch on its way through a network.

use heirloom_network::{Network, TensorRole};
use tch::{Kind, TchError, Tensor};

use crate::data::UNLABELLED;
use crate::{Mode, Output, TorchError, Weights, forward};

/// A pass in which linear layers and convolutions compute in bfloat16 where asked, and whose result is 32-bit.
///
/// Weights stay 32-bit, and normalisations compute so. LibTorch's own autocast would choose the 16-bit type with the
/// short exponent, which needs its gradients scaled.
pub(crate) fn run(
    network: &Network,
    weights: &Weights,
    input: &Tensor,
    mode: Mode,
    bfloat16: bool,
) -> Result<Output, TorchError> {
    if !bfloat16 {
        return forward(network, weights.tensors(), input, mode);
    }
    let short = |tensor: &Tensor| tensor.f_to_kind(Kind::BFloat16).map_err(TorchError::at("to bfloat16"));
    let long = |tensor: Tensor| tensor.f_to_kind(Kind::Float).map_err(TorchError::at("to 32 bits"));
    let cast = weights.specs().iter().zip(weights.tensors()).map(|(spec, tensor)| match spec.role {
        TensorRole::Weight | TensorRole::Bias => short(tensor),
        _ => Ok(tensor.shallow_clone()),
    });
    let cast = cast.collect::<Result<Vec<_>, _>>()?;
    let output = forward(network, &cast, &short(input)?, mode)?;
    Ok(Output { main: long(output.main)?, auxiliary: output.auxiliary.map(long).transpose()? })
}

/// The loss, and of scores and class indices the share that is right.
pub(super) fn seen(loss: &Tensor, of_classes: Option<(&Tensor, &Tensor)>) -> Result<Tensor, TchError> {
    let Some((output, target)) = of_classes else { return loss.detach().f_reshape([1]) };
    let n_right = output.f_argmax(1, false)?.f_eq_tensor(target)?.f_sum(Kind::Float)?;
    let share = match output.dim() {
        4 => n_right.f_div(&target.f_ne(UNLABELLED)?.f_sum(Kind::Float)?.f_clamp_min(1.0)?)?,
        _ => n_right.f_div_scalar(target.numel() as f64)?,
    };
    Tensor::f_stack(&[loss.detach(), share], 0)
}

/// Answers for pixels brought to the height and width of their targets: a network that sees smaller images is compared
/// at the data's resolution all the same. Other answers stay.
pub(crate) fn to_size_of(output: &Tensor, target: &Tensor) -> Result<Tensor, TorchError> {
    match (&output.size()[..], &target.size()[..]) {
        ([_, _, height, width], [.., h, w]) if (height, width) != (h, w) => output
            .f_upsample_bilinear2d([*h, *w], false, None, None)
            .map_err(|error| TorchError::new("bringing answers to the data's resolution", &[output], &error)),
        _ => Ok(output.shallow_clone()),
    }
}

/// Images brought to `side` × `side` by averaging over what each new pixel covers.
pub(crate) fn resized(input: &Tensor, side: Option<usize>) -> Result<Tensor, TorchError> {
    let Some(side) = side.map(|side| side as i64) else { return Ok(input.shallow_clone()) };
    match input.size()[..] {
        [_, _, height, width] if (height, width) != (side, side) => input
            .f_internal_upsample_bilinear2d_aa([side, side], false, None, None)
            .map_err(|error| TorchError::new("bringing images to another resolution", &[input], &error)),
        _ => Ok(input.shallow_clone()),
    }
}

/// Scales gradients down so that the norm over all of them is at most `most`.
pub(super) fn clip(gradients: &mut [Tensor], most: f64) -> Result<(), TchError> {
    let squares = gradients.iter().filter(|gradient| gradient.defined());
    let squares = squares.map(|gradient| gradient.f_square()?.f_sum(Kind::Float));
    let squares = squares.collect::<Result<Vec<_>, _>>()?;
    if squares.is_empty() {
        return Ok(());
    }
    let norm = Tensor::f_stack(&squares, 0)?.f_sum(Kind::Float)?.f_sqrt()?;
    let factor = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(most)?.f_clamp_max(1.0)?;
    for gradient in gradients.iter_mut().filter(|gradient| gradient.defined()) {
        *gradient = gradient.f_mul(&factor)?;
    }
    Ok(())
}
