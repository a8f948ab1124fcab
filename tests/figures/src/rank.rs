//! Rank correlations as figures.

use crate::row::Row;

/// Spearman's rank correlation of `a` and `b`, `[n]` each. NaN ranks lowest, as the -1e8 of recorded scores does.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum() };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// A row of [`spearman`]'s, its interval over the draw of the `n` things. Bonett & Wright 2000.
pub fn correlation(id: String, unit: &'static str, a: &[f64], b: &[f64]) -> Row {
    let (value, n) = (spearman(a, b), a.len());
    let half = 1.96 * ((1.0 + value * value / 2.0) / (n as f64 - 3.0)).sqrt();
    let (low, high) = ((value.atanh() - half).tanh(), (value.atanh() + half).tanh());
    Row { id, value, unit, low, high, peer: None, ratio: None, n_seeds: n }
}

/// Ranks from 1, the mean of their places for equal values.
fn ranks(values: &[f64]) -> Vec<f64> {
    let known = |value: &f64| if value.is_nan() { f64::NEG_INFINITY } else { *value };
    let mut sorted: Vec<f64> = values.iter().map(known).collect();
    sorted.sort_by(f64::total_cmp);
    let rank = |value: &f64| {
        let value = known(value);
        let first = sorted.partition_point(|&other| other < value);
        let after = sorted.partition_point(|&other| other <= value);
        (first + after + 1) as f64 / 2.0
    };
    values.iter().map(rank).collect()
}
