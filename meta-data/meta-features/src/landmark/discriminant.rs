//! Linear discriminant analysis by whitening with the pooled within-class covariance.
//!
//! Directions in which classes do not vary within (singular values up to 1e-4 of scaled columns, scikit-learn's
//! threshold) are left out, unless the classes' means differ there: these tell classes apart without error, and count
//! as if they varied just so much. scikit-learn keeps such a column where rounding made it vary. With more columns than
//! degrees of freedom there always are such directions, and they say nothing of other rows.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::bayes::best_class;
use super::{Fold, Problem};
use crate::Skipped;

/// Smallest variance of a whitened direction: the square of the singular value 1e-4.
const TOLERANCE: f64 = 1e-8;

/// Variance between classes from which a direction with less than [`TOLERANCE`] within is kept: a hundred times the
/// deviation.
const SEPARATION: f64 = 1e4 * TOLERANCE;

/// The class of each test row whose mean is nearest in whitened space, corrected by the log prior.
pub(super) fn predict(problem: &Problem, fold: &Fold) -> Result<Vec<u32>, Skipped> {
    let d = problem.x.ncols();
    let mut counts = vec![0_usize; problem.n_classes];
    fold.train.iter().for_each(|&row| counts[problem.codes[row] as usize] += 1);
    let n_present = counts.iter().filter(|&&count| count > 0).count();
    if n_present < 2 || fold.train.len() <= n_present {
        return Err(Skipped::Undefined);
    }
    // Rows, a column each: `[d × n]`, contiguous a row.
    let train = DMatrix::from_fn(d, fold.train.len(), |column, i| problem.x[(fold.train[i], column)]);
    let means = class_means(problem, fold, &train, &counts);
    let (within, scales) = scaled_within(problem, fold, train, &means);
    let scaled = |mut m: DMatrix<f64>| {
        m.row_iter_mut().zip(&scales).for_each(|(mut row, scale)| row /= *scale);
        m
    };
    let means = scaled(means);
    let test = scaled(DMatrix::from_fn(d, fold.test.len(), |column, i| problem.x[(fold.test[i], column)]));
    let shares = counts.iter().map(|&count| count as f64 / fold.train.len() as f64);
    let shares = DVector::from_iterator(problem.n_classes, shares);
    let whitening = whitening(&within, &between(&means, &shares), fold.train.len() - n_present)?;
    let (means, test) = (&whitening * means, &whitening * test);
    let offsets: Vec<f64> = (0..problem.n_classes)
        .map(|class| shares[class].ln() - 0.5 * means.column(class).norm_squared())
        .collect();
    let scores = means.transpose() * test;
    Ok((0..fold.test.len())
        .map(|i| {
            best_class(
                &scores
                    .column(i)
                    .iter()
                    .zip(&offsets)
                    .map(|(score, offset)| score + offset)
                    .collect::<Vec<_>>(),
            )
        })
        .collect())
}

/// `[d × n_classes]`, zero for a class without rows.
fn class_means(problem: &Problem, fold: &Fold, train: &DMatrix<f64>, counts: &[usize]) -> DMatrix<f64> {
    let mut means = DMatrix::zeros(train.nrows(), problem.n_classes);
    for (values, &row) in train.column_iter().zip(&fold.train) {
        let mut mean = means.column_mut(problem.codes[row] as usize);
        mean += values;
    }
    means
        .column_iter_mut()
        .zip(counts)
        .filter(|(_, count)| **count > 0)
        .for_each(|(mut mean, count)| mean /= *count as f64);
    means
}

/// The training rows less their class means, each column scaled to unit variance; and the scales.
fn scaled_within(
    problem: &Problem,
    fold: &Fold,
    mut train: DMatrix<f64>,
    means: &DMatrix<f64>,
) -> (DMatrix<f64>, Vec<f64>) {
    for (mut values, &row) in train.column_iter_mut().zip(&fold.train) {
        values -= means.column(problem.codes[row] as usize);
    }
    let n = train.ncols() as f64;
    let mut scales = Vec::with_capacity(train.nrows());
    for mut column in train.row_iter_mut() {
        let std = (column.norm_squared() / n).sqrt();
        // Columns are standardised, so this is nothing but rounding.
        let scale = if std > 1e-12 { std } else { 1.0 };
        column /= scale;
        scales.push(scale);
    }
    (train, scales)
}

/// The class means less the mean of all rows, each times the root of the class' share: `[d × n_classes]`, whose Gram
/// matrix is the covariance between classes.
fn between(means: &DMatrix<f64>, shares: &DVector<f64>) -> DMatrix<f64> {
    let of_all = means * shares;
    let mut between = means.clone();
    for (mut mean, share) in between.column_iter_mut().zip(shares.iter()) {
        mean -= &of_all;
        mean *= share.sqrt();
    }
    between
}

/// `[rank × d]`: maps `within: [d × n]` to unit covariance, by the smaller of its two Gram matrices, and more steeply
/// where only `between: [d × n_classes]` varies.
fn whitening(
    within: &DMatrix<f64>,
    between: &DMatrix<f64>,
    degrees_of_freedom: usize,
) -> Result<DMatrix<f64>, Skipped> {
    let (d, n) = within.shape();
    let transposed = within.transpose();
    let gram = if d <= n { within * &transposed } else { &transposed * within };
    let eigen = SymmetricEigen::new(gram / degrees_of_freedom as f64);
    let separates = |i: usize| {
        d <= degrees_of_freedom && between.tr_mul(&eigen.eigenvectors.column(i)).norm_squared() > SEPARATION
    };
    let kept: Vec<usize> =
        (0..d.min(n)).filter(|&i| eigen.eigenvalues[i] > TOLERANCE || separates(i)).collect();
    if kept.is_empty() {
        return Err(Skipped::Undefined);
    }
    let mut vectors = eigen.eigenvectors.select_columns(&kept).transpose();
    for (mut vector, &i) in vectors.row_iter_mut().zip(&kept) {
        let variance = eigen.eigenvalues[i].max(TOLERANCE);
        // Of the `[n × n]` matrix, the eigenvector must yet be carried to `d` dimensions and its length undone.
        vector /= if d <= n { variance.sqrt() } else { variance * (degrees_of_freedom as f64).sqrt() };
    }
    Ok(if d <= n { vectors } else { vectors * transposed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_without_variance_within_is_kept_where_classes_differ_there_and_rows_suffice() {
        // Two columns of six rows: the first varies within the two classes, the second only between them or not at all.
        let within =
            DMatrix::from_row_slice(2, 6, &[-1.0, 0.0, 1.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let means = |second: f64| DMatrix::from_row_slice(2, 2, &[0.0, 0.0, -second, second]);
        let found = |second, degrees_of_freedom| {
            let between = between(&means(second), &DVector::from_element(2, 0.5));
            whitening(&within, &between, degrees_of_freedom).unwrap()
        };
        let kept = found(1.0, 4);
        assert_eq!(kept.shape(), (2, 2));
        // Unit variance of the first column's 1, and of 1e-8.
        assert!((kept.column(0).norm() - 1.0).abs() < 1e-12, "{kept}");
        assert!((kept.column(1).norm() - 1e4).abs() < 1e-6, "{kept}");
        assert_eq!(found(0.0, 4).shape(), (1, 2), "a constant column");
        assert_eq!(found(1e-9, 4).shape(), (1, 2), "nothing but rounding");
        assert_eq!(found(1.0, 1).shape(), (1, 2), "more columns than degrees of freedom");
    }
}
