//! Scores of what each weight is worth, by its size and its gradient. Only weights of convolutions and linear layers
//! count, no biases and no scales.

use heirloom_network::Operation;
use tch::{Device, Kind, Tensor};

use crate::probe::{Graph, Result, gradients};
use crate::{Probe, Sample};

/// The sum over layers of a number that `worth` makes of a layer's weights and their gradient.
fn sum(
    probe: &Probe,
    sample: &Sample,
    worth: impl Fn(&Tensor, &Tensor) -> std::result::Result<Tensor, tch::TchError>,
) -> Result<f64> {
    let loss = sample.loss(&probe.run(&sample.inputs)?)?;
    let kernels = probe.kernels();
    total(&kernels, &gradients(&loss, &kernels, Graph::Spent)?, worth)
}

fn total(
    kernels: &[&Tensor],
    gradients: &[Option<Tensor>],
    worth: impl Fn(&Tensor, &Tensor) -> std::result::Result<Tensor, tch::TchError>,
) -> Result<f64> {
    let mut total = 0.0;
    for (kernel, gradient) in kernels.iter().zip(gradients) {
        if let Some(gradient) = gradient {
            total += worth(&kernel.detach(), gradient)?.f_double_value(&[])?;
        }
    }
    Ok(total)
}

/// Σ |w g|
pub(super) fn snip(probe: &Probe, sample: &Sample) -> Result<f64> {
    sum(probe, sample, |kernel, gradient| kernel.f_mul(gradient)?.f_abs()?.f_sum(None))
}

/// Σ w g
pub(super) fn plain(probe: &Probe, sample: &Sample) -> Result<f64> {
    sum(probe, sample, |kernel, gradient| kernel.f_mul(gradient)?.f_sum(Kind::Double))
}

/// Σ ‖g‖
pub(super) fn grad_norm(probe: &Probe, sample: &Sample) -> Result<f64> {
    sum(probe, sample, |_, gradient| gradient.f_norm())
}

/// Σ ‖w‖
pub(super) fn l2_norm(probe: &Probe) -> Result<f64> {
    let norms = probe.kernels().into_iter().map(|kernel| kernel.f_norm()?.f_double_value(&[]));
    Ok(norms.sum::<std::result::Result<f64, tch::TchError>>()?)
}

/// −Σ w (H g): the gradient of g · g, with one of the two held fixed.
pub(super) fn grasp(probe: &Probe, sample: &Sample) -> Result<f64> {
    let loss = sample.loss(&probe.run(&sample.inputs)?)?;
    let kernels = probe.kernels();
    let mut product: Option<Tensor> = None;
    for gradient in gradients(&loss, &kernels, Graph::Extended)?.iter().flatten() {
        let own = gradient.f_mul(&gradient.detach())?.f_sum(None)?;
        product = Some(match product {
            Some(product) => product.f_add(&own)?,
            None => own,
        });
    }
    let Some(product) = product else { return Ok(f64::NAN) };
    let curved = gradients(&product, &kernels, Graph::Spent)?;
    Ok(-total(&kernels, &curved, |kernel, curved| kernel.f_mul(curved)?.f_sum(Kind::Double))?)
}

/// Σ over layers and channels of ½ mean((Σ z g)²) times the channel's weights.
pub(super) fn fisher(probe: &Probe, sample: &Sample) -> Result<f64> {
    let layers = probe.network().layers();
    let mut results: Vec<Tensor> = Vec::new();
    let output = probe.observe(&sample.inputs, &mut |place, result| {
        if matches!(layers[place].operation, Operation::Conv { .. } | Operation::Linear { .. }) {
            results.push(result.shallow_clone());
        }
    })?;
    let loss = sample.loss(&output)?;
    let results: Vec<&Tensor> = results.iter().collect();
    let mut total = 0.0;
    let by = gradients(&loss, &results, Graph::Spent)?;
    for ((result, gradient), kernel) in results.iter().zip(by).zip(probe.kernels()) {
        let Some(gradient) = gradient else { continue };
        let product = result.detach().f_mul(&gradient)?;
        let channels = if product.dim() > 2 {
            product.f_flatten(2, -1)?.f_sum_dim_intlist(2, false, None)?
        } else {
            product
        };
        let worth = channels.f_square()?.f_mean_dim(0, false, None)?.f_sum(Kind::Double)?;
        let n_weights = kernel.numel() as f64 / kernel.size()[0] as f64;
        total += worth.f_double_value(&[])? * n_weights / 2.0;
    }
    Ok(total)
}

/// ln Σ |w ∂R/∂w|. A network without a path from its input to its output gets the lowest score that there is.
pub(super) fn synflow(probe: &Probe) -> Result<f64> {
    let probe = probe.linearised()?;
    let kernels = probe.kernels();
    let device = kernels.first().map_or(Device::Cpu, |kernel| kernel.device());
    let mut shape = vec![1];
    shape.extend(probe.network().input_shape().0.iter().map(|&size| size as i64));
    let output = probe.run(&Tensor::f_ones(&shape, (Kind::Double, device))?)?.f_sum(None)?;
    let by = gradients(&output, &kernels, Graph::Spent)?;
    let flow = total(&kernels, &by, |kernel, gradient| kernel.f_mul(gradient)?.f_abs()?.f_sum(None))?;
    Ok(flow.max(f64::MIN_POSITIVE).ln())
}

/// Σ over layers of ln Σ mean |g| / std g over the two halves of the sample. NaN where no gradient differs between them.
pub(super) fn zico(probe: &Probe, sample: &Sample) -> Result<f64> {
    let half = sample.len() / 2;
    if half == 0 {
        return Ok(f64::NAN);
    }
    let kernels = probe.kernels();
    let of_half = |start| -> Result<Vec<Option<Tensor>>> {
        let part = sample.part(start, half)?;
        gradients(&part.loss(&probe.run(&part.inputs)?)?, &kernels, Graph::Spent)
    };
    let mut score: Option<f64> = None;
    for pair in of_half(0)?.into_iter().zip(of_half(half)?) {
        let (Some(first), Some(second)) = pair else { continue };
        let mean = first.f_abs()?.f_add(&second.f_abs()?)?.f_div_scalar(2.0)?;
        // The standard deviation of two numbers, of the population.
        let deviation = first.f_sub(&second)?.f_abs()?.f_div_scalar(2.0)?;
        let ratio = mean.f_div(&deviation)?;
        let known = deviation.f_gt(0.0)?;
        let worth = ratio.f_masked_select(&known)?.f_sum(Kind::Double)?.f_double_value(&[])?;
        if worth > 0.0 {
            *score.get_or_insert(0.0) += worth.ln();
        }
    }
    Ok(score.unwrap_or(f64::NAN))
}
