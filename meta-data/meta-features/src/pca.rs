//! Principal components.
//!
//! Source: Bardenet et al. 2013, "Collaborative hyperparameter tuning".

use nalgebra::{DMatrix, SymmetricEigen};

use crate::Skipped;
use crate::describe::{Computed, Context};
use crate::encode::{draw_rows, encode};
use crate::moments::skewness_and_kurtosis;

/// Share of components for 95 % of the variance; skewness and kurtosis of the first component's scores.
pub(crate) fn all(context: &Context<'_>) -> Computed {
    let x = encode(context.data, &draw_rows(context.data, usize::MAX, context.options.seed)?);
    let (n, d) = x.shape();
    if n == 0 || d == 0 {
        return Err(Skipped::Undefined);
    }
    context.deadline.allows(eigen_steps(&x))?;
    let transposed = x.transpose();
    let eigen = SymmetricEigen::new(if d <= n { &transposed * &x } else { &x * &transposed });
    let mut variances: Vec<f64> = eigen.eigenvalues.iter().map(|value| value.max(0.0)).collect();
    let first = eigen.eigenvalues.imax();
    if variances[first] <= 0.0 {
        return Err(Skipped::Undefined);
    }
    let vector: DMatrix<f64> = eigen.eigenvectors.columns(first, 1).into_owned();
    // Of `x xᵀ` the eigenvectors are the scores themselves, up to a factor.
    let mut scores = if d <= n { &x * vector } else { vector };
    // The sign is free; the score farthest from zero is taken to be positive.
    if scores.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a }) < 0.0 {
        scores.neg_mut();
    }
    variances.sort_unstable_by(|a, b| b.total_cmp(a));
    let (skewness, kurtosis) = skewness_and_kurtosis(scores.as_slice(), 0);
    Ok(vec![n_components(&variances, 0.95) as f64 / d as f64, skewness, kurtosis])
}

/// How many of the descending `variances` make up this share of their sum.
fn n_components(variances: &[f64], share: f64) -> usize {
    let total: f64 = variances.iter().sum();
    let mut sum = 0.0;
    variances
        .iter()
        .take_while(|&variance| {
            let more = sum < share;
            sum += variance / total;
            more
        })
        .count()
}

/// Steps for the smaller Gram matrix of `x` (eight of its multiplications a step) and its eigenvectors.
pub(crate) fn eigen_steps(x: &DMatrix<f64>) -> f64 {
    let (inner, outer) = (x.nrows().min(x.ncols()) as f64, x.nrows().max(x.ncols()) as f64);
    outer * inner.powi(2) / 8.0 + inner.powi(3)
}
