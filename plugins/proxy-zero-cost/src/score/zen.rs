//! The Zen score.

use heirloom_network::{Operation, TensorRole};

use crate::probe::Result;
use crate::{Probe, Sample};

/// How small the step is.
const STEP: f64 = 0.01;

/// ln E ‖f(x) − f(x + 0.01 d)‖₁ + Σ ln √(mean running variance), with x the first half of the inputs, d the second, and
/// f the image before the global pooling.
pub(super) fn zen(probe: &Probe, sample: &Sample) -> Result<f64> {
    let half = sample.len() / 2;
    let probe = probe.with_tensors(|spec, tensor| match spec.role {
        // The two passes alone bring them up to date.
        TensorRole::RunningMean => tensor.f_zeros_like(),
        TensorRole::RunningVariance => tensor.f_ones_like(),
        _ => Ok(tensor.shallow_clone()),
    })?;
    let layers = probe.network().layers();
    let pooled = layers.iter().rposition(|layer| layer.operation == Operation::GlobalAveragePool);
    let seen = pooled.map_or(probe.network().output(), |place| layers[place].inputs[0]);
    let image = |inputs: &tch::Tensor| -> Result<Option<tch::Tensor>> {
        let mut image = None;
        let _output = probe.observe(inputs, &mut |place, result| {
            if place == seen {
                image = Some(result.shallow_clone());
            }
        })?;
        Ok(image)
    };
    let points = sample.inputs.f_narrow(0, 0, half)?;
    let directions = sample.inputs.f_narrow(0, half, half)?;
    let moved = points.f_add(&directions.f_mul_scalar(STEP)?)?;
    let (Some(before), Some(after)) = (image(&points)?, image(&moved)?) else { return Ok(f64::NAN) };
    let distance = before.f_sub(&after)?.f_abs()?.f_flatten(1, -1)?.f_sum_dim_intlist(1, false, None)?;
    let mut score = distance.f_mean(None)?.f_double_value(&[])?.ln();
    for variance in probe.running_variances() {
        score += variance.f_mean(None)?.f_double_value(&[])?.ln() / 2.0;
    }
    Ok(score)
}
