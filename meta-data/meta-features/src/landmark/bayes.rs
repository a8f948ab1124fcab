//! Gaussian naive Bayes.

use super::{Fold, Problem};

/// Share of the largest variance added to all, so that none is zero (scikit-learn's `var_smoothing`).
const SMOOTHING: f64 = 1e-9;

/// The most probable class of each test row under one normal distribution a class and column.
pub(super) fn predict(problem: &Problem, fold: &Fold) -> Vec<u32> {
    let mut counts = vec![0.0; problem.n_classes];
    fold.train.iter().for_each(|&row| counts[problem.codes[row] as usize] += 1.0);
    let n_train = fold.train.len() as f64;
    let smoothing = SMOOTHING * largest_variance(problem, fold);
    // `[n_test × n_classes]`: log prior, then column by column the log likelihood.
    let mut scores: Vec<f64> =
        fold.test.iter().flat_map(|_| counts.iter().map(|count| (count / n_train).ln())).collect();
    for column in problem.x.column_iter() {
        let normals = class_normals(column.as_slice(), problem, fold, &counts, smoothing);
        for (scores, &row) in scores.chunks_exact_mut(problem.n_classes).zip(&fold.test) {
            for (score, normal) in scores.iter_mut().zip(&normals) {
                *score += normal.log_constant - (column[row] - normal.mean).powi(2) * normal.half_precision;
            }
        }
    }
    scores.chunks_exact(problem.n_classes).map(best_class).collect()
}

/// The class of the highest score; the first on a tie. A class without training rows scores NaN.
pub(super) fn best_class(scores: &[f64]) -> u32 {
    let mut best = (0, f64::NEG_INFINITY);
    for (class, &score) in (0..).zip(scores) {
        if score > best.1 {
            best = (class, score);
        }
    }
    best.0
}

#[derive(Clone, Copy)]
struct Normal {
    mean: f64,
    /// `1 / (2 σ²)`.
    half_precision: f64,
    /// `-ln σ`, what is common to all classes left out.
    log_constant: f64,
}

fn class_normals(
    column: &[f64],
    problem: &Problem,
    fold: &Fold,
    counts: &[f64],
    smoothing: f64,
) -> Vec<Normal> {
    let mut means = vec![0.0; problem.n_classes];
    fold.train.iter().for_each(|&row| means[problem.codes[row] as usize] += column[row]);
    means.iter_mut().zip(counts).for_each(|(mean, count)| *mean /= count);
    let mut variances = vec![0.0; problem.n_classes];
    for &row in &fold.train {
        let class = problem.codes[row] as usize;
        variances[class] += (column[row] - means[class]).powi(2);
    }
    let normal = |((mean, variance), count): ((f64, f64), f64)| {
        // All columns constant: any positive variance makes the prior decide.
        let variance = (variance / count + smoothing).max(f64::MIN_POSITIVE.sqrt());
        Normal { mean, half_precision: 0.5 / variance, log_constant: -0.5 * variance.ln() }
    };
    means.into_iter().zip(variances).zip(counts.iter().copied()).map(normal).collect()
}

fn largest_variance(problem: &Problem, fold: &Fold) -> f64 {
    let n = fold.train.len() as f64;
    let variance = |column: &[f64]| {
        let mean = fold.train.iter().map(|&row| column[row]).sum::<f64>() / n;
        fold.train.iter().map(|&row| (column[row] - mean).powi(2)).sum::<f64>() / n
    };
    problem.x.column_iter().map(|column| variance(column.as_slice())).fold(0.0, f64::max)
}
