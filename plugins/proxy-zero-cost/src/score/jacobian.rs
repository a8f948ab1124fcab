//! Scores of how the outputs change with the inputs.

use std::collections::BTreeMap;

use tch::Tensor;

use super::kernel::{correlations, eigenvalues};
use crate::probe::{Graph, Result, gradients};
use crate::sample::Targets;
use crate::{Probe, Sample};

/// What the published code adds to eigenvalues and correlations.
const SMALL: f64 = 1e-5;

/// More classes than these are scored by the differences between classes. Lopes et al. 2021.
const MANY_CLASSES: usize = 100;

/// The correlations of each pair of inputs' Jacobians, `[n, n]`; `None` where a Jacobian is constant.
fn jacobian_correlations(probe: &Probe, sample: &Sample) -> Result<Option<Tensor>> {
    let inputs = sample.inputs.detach().f_set_requires_grad(true)?;
    let output = probe.frozen().run(&inputs)?.f_sum(None)?;
    match gradients(&output, &[&inputs], Graph::Spent)?.pop().flatten() {
        Some(jacobian) => correlations(&jacobian.f_flatten(1, -1)?),
        None => Ok(None),
    }
}

/// −Σ (ln(λ + k) + 1 / (λ + k)) over the eigenvalues of the correlations.
pub(super) fn jacov(probe: &Probe, sample: &Sample) -> Result<f64> {
    let Some(correlations) = jacobian_correlations(probe, sample)? else { return Ok(f64::NAN) };
    let values = eigenvalues(&correlations)?;
    Ok(-values.iter().map(|value| (value + SMALL).ln() + 1.0 / (value + SMALL)).sum::<f64>())
}

/// Σ ln(|r| + k) within each class; of few classes the sum of magnitudes, of many the mean difference.
pub(super) fn epe_nas(probe: &Probe, sample: &Sample) -> Result<f64> {
    let Some(correlations) = jacobian_correlations(probe, sample)? else { return Ok(f64::NAN) };
    let Targets::Classes(labels) = &sample.targets else { return Ok(f64::NAN) };
    let n_classes = probe.network().output_shape().0[0];
    let (labels, n) = (Vec::<i64>::try_from(labels)?, sample.len() as usize);
    let correlations = &Vec::<f64>::try_from(correlations.f_flatten(0, -1)?)?;
    let mut rows_of: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    labels.iter().enumerate().for_each(|(row, &label)| rows_of.entry(label).or_default().push(row));
    let mut scores = Vec::new();
    for rows in rows_of.values() {
        let pairs = rows.iter().flat_map(|row| rows.iter().map(move |other| correlations[row * n + other]));
        let score: f64 = pairs.map(|correlation| (correlation.abs() + SMALL).ln()).sum();
        if n_classes <= MANY_CLASSES {
            scores.push(score);
        } else if rows.len() > 1 {
            // The published code leaves out classes of one input here, and only here.
            scores.push(score / rows.len() as f64);
        }
    }
    if n_classes <= MANY_CLASSES {
        return Ok(scores.iter().map(|score| score.abs()).sum());
    }
    let pairs = scores.iter().flat_map(|score| scores.iter().map(move |other| (score - other).abs()));
    Ok(pairs.sum::<f64>() / scores.len() as f64)
}
