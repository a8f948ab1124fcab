//! From a data set to the matrix that principal components and landmarkers see.
//!
//! Missing numbers become the column's mean, categories one indicator column each (missing is a category of its
//! own), and every column is standardised: as in the auto-sklearn that made the published archives.

use heirloom_dataset::{Dataset, FeatureKind, shuffled_rows};
use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::Skipped;
use crate::moments::center_and_scale;

/// At most this many cells are made dense (half a gigabyte); beyond, rows are drawn.
const MAX_CELLS: usize = 1 << 26;

/// Rows in a seeded random order: all, or `cap` of them in proportion to the classes.
pub(crate) fn draw_rows(data: &Dataset, cap: usize, seed: [u8; 32]) -> Result<Vec<usize>, Skipped> {
    let width: usize = (0..data.n_features())
        .map(|feature| match data.kind(feature) {
            FeatureKind::Numeric => 1,
            FeatureKind::Categorical { symbols } => symbols.len() + 1,
        })
        .sum();
    let cap = cap.min(MAX_CELLS / width.max(1));
    let order = shuffled_rows(data.n_rows().min(cap), seed);
    if data.n_rows() <= cap {
        return Ok(order);
    }
    let drawn =
        data.split(cap as f64 / data.n_rows() as f64, 0.0, seed).map_err(|_| Skipped::Undefined)?.valid;
    // The fraction is rounded down, and may give a row less than `cap`.
    Ok(order.into_iter().filter_map(|index| drawn.get(index).copied()).collect())
}

/// `[rows × columns]`, each column with mean 0 and variance 1, or all 0 where it is constant.
pub(crate) fn encode(data: &Dataset, rows: &[usize]) -> DMatrix<f64> {
    let columns: Vec<Vec<f64>> =
        (0..data.n_features()).into_par_iter().map(|feature| encode_feature(data, feature, rows)).collect();
    let values = columns.concat();
    let n_columns = values.len() / rows.len().max(1);
    DMatrix::from_vec(rows.len(), n_columns, values)
}

/// The feature's encoded columns, one after the other.
fn encode_feature(data: &Dataset, feature: usize, rows: &[usize]) -> Vec<f64> {
    let column = data.column(feature);
    match data.kind(feature) {
        FeatureKind::Numeric => {
            let mut values: Vec<f64> = rows.iter().map(|&row| column[row]).collect();
            let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            if known.is_empty() {
                return Vec::new();
            }
            let (mean, scale) = center_and_scale(&known);
            values
                .iter_mut()
                .for_each(|value| *value = if value.is_finite() { (*value - mean) / scale } else { 0.0 });
            let std = (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt();
            if std > 0.0 {
                values.iter_mut().for_each(|value| *value /= std);
            }
            values
        }
        FeatureKind::Categorical { symbols } => {
            let code = |row: usize| if column[row].is_nan() { symbols.len() } else { column[row] as usize };
            let mut counts = vec![0_usize; symbols.len() + 1];
            rows.iter().for_each(|&row| counts[code(row)] += 1);
            let present = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            present
                .flat_map(|(symbol, &count)| {
                    indicator(rows.iter().map(|&row| code(row) == symbol), count, rows.len())
                })
                .collect()
        }
    }
}

fn indicator(holds: impl Iterator<Item = bool>, count: usize, n: usize) -> Vec<f64> {
    let p = count as f64 / n as f64;
    let std = (p * (1.0 - p)).sqrt();
    let (no, yes) = if std > 0.0 { (-p / std, (1.0 - p) / std) } else { (0.0, 0.0) };
    holds.map(|holds| if holds { yes } else { no }).collect()
}
