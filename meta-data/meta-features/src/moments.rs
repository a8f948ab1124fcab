//! Third and fourth moments of every encoded column.

use heirloom_dataset::{Dataset, FeatureKind};
use rayon::prelude::*;

use crate::describe::{Computed, Context};

/// Mean and population standard deviation.
pub(crate) fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// Skewness and excess kurtosis (population moments, no bias correction) of `values`, where `n_imputed` more
/// values equal the mean. A constant has skewness 0 and kurtosis -3.
pub(crate) fn skewness_and_kurtosis(values: &[f64], n_imputed: usize) -> (f64, f64) {
    let n = (values.len() + n_imputed) as f64;
    let (mean, scale) = center_and_scale(values);
    let [mut m2, mut m3, mut m4] = [0.0; 3];
    for value in values {
        let z = (value - mean) / scale;
        m2 += z * z;
        m3 += z * z * z;
        m4 += z * z * z * z;
    }
    let [m2, m3, m4] = [m2 / n, m3 / n, m4 / n];
    if m2 > 0.0 { (m3 / m2.powf(1.5), m4 / (m2 * m2) - 3.0) } else { (0.0, -3.0) }
}

/// The mean and the largest distance from it, infinite where that is no more than rounding: a constant.
pub(crate) fn center_and_scale(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    // Divided before the sum, so that large values do not overflow; then corrected for the rounding of that.
    let rough = values.iter().map(|value| value / n).sum::<f64>();
    let mean = rough + values.iter().map(|value| (value - rough) / n).sum::<f64>();
    let spread = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
    let is_constant = spread <= 10.0 * f64::EPSILON * mean.abs();
    (mean, if is_constant { f64::INFINITY } else { spread })
}

/// Those of an indicator column that is 1 in `count` of `n` rows, in closed form.
fn of_indicator(count: usize, n: usize) -> (f64, f64) {
    let p = count as f64 / n as f64;
    let variance = p * (1.0 - p);
    if variance > 0.0 { ((1.0 - 2.0 * p) / variance.sqrt(), 1.0 / variance - 6.0) } else { (0.0, -3.0) }
}

fn of_feature(data: &Dataset, feature: usize) -> Vec<(f64, f64)> {
    let column = data.column(feature);
    match data.kind(feature) {
        FeatureKind::Numeric => {
            let values: Vec<f64> = column.iter().copied().filter(|value| value.is_finite()).collect();
            if values.is_empty() {
                vec![]
            } else {
                vec![skewness_and_kurtosis(&values, column.len() - values.len())]
            }
        }
        FeatureKind::Categorical { symbols } => {
            // A missing value is one symbol more.
            let mut counts = vec![0; symbols.len() + 1];
            column
                .iter()
                .for_each(|&code| counts[if code.is_nan() { symbols.len() } else { code as usize }] += 1);
            counts
                .into_iter()
                .filter(|&count| count > 0)
                .map(|count| of_indicator(count, column.len()))
                .collect()
        }
    }
}

pub(crate) fn all(context: &Context<'_>) -> Computed {
    let (data, deadline) = (context.data, context.deadline);
    let per_feature: Vec<Vec<(f64, f64)>> = (0..data.n_features())
        .into_par_iter()
        .map(|feature| deadline.check().map(|()| of_feature(data, feature)))
        .collect::<Result<_, _>>()?;
    let (skewnesses, kurtoses): (Vec<f64>, Vec<f64>) = per_feature.into_iter().flatten().unzip();
    Ok([summary(&skewnesses), summary(&kurtoses)].concat())
}

/// Minimum, maximum, mean and standard deviation; zeros of nothing.
fn summary(values: &[f64]) -> [f64; 4] {
    if values.is_empty() {
        return [0.0; 4];
    }
    let (mean, std) = mean_and_std(values);
    [
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        mean,
        std,
    ]
}
