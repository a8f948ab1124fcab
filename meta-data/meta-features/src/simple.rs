//! Counts: shape, classes, missing values, symbols.

use heirloom_dataset::{FeatureKind, Target};

use crate::Skipped;
use crate::describe::{Computed, Context};
use crate::moments::mean_and_std;

fn n_numeric(context: &Context<'_>) -> usize {
    (0..context.data.n_features())
        .filter(|&feature| context.data.kind(feature) == FeatureKind::Numeric)
        .count()
}

pub(crate) fn shape(context: &Context<'_>) -> Computed {
    let (n, d) = (context.data.n_rows() as f64, context.data.n_features() as f64);
    let numeric = n_numeric(context) as f64;
    let nominal = d - numeric;
    let ratio = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
    let (to_nominal, to_numeric) = (ratio(numeric, nominal), ratio(nominal, numeric));
    Ok(vec![
        n,
        n.ln(),
        d,
        d.ln(),
        d / n,
        (d / n).ln(),
        n / d,
        (n / d).ln(),
        numeric,
        nominal,
        to_nominal,
        to_numeric,
    ])
}

/// Over the classes that occur.
pub(crate) fn classes(context: &Context<'_>) -> Computed {
    let Target::Classes { codes, names } = context.data.target() else {
        return Err(Skipped::NotClassification);
    };
    let mut counts = vec![0_usize; names.len()];
    codes.iter().for_each(|&code| counts[code as usize] += 1);
    let shares: Vec<f64> = counts
        .into_iter()
        .filter(|&count| count > 0)
        .map(|count| count as f64 / codes.len() as f64)
        .collect();
    let (mean, std) = mean_and_std(&shares);
    // Zero minus, because a negated empty or zero sum would be -0.
    let entropy = 0.0 - shares.iter().map(|share| share * share.log2()).sum::<f64>();
    let min = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let max = shares.iter().copied().fold(0.0, f64::max);
    Ok(vec![shares.len() as f64, min, max, mean, std, entropy])
}

pub(crate) fn missing(context: &Context<'_>) -> Computed {
    let (n, d) = (context.data.n_rows(), context.data.n_features());
    let mut row_has = vec![false; n];
    let (mut n_values, mut n_features) = (0_usize, 0_usize);
    for feature in 0..d {
        let before = n_values;
        for (value, has) in context.data.column(feature).iter().zip(&mut row_has) {
            if value.is_nan() {
                n_values += 1;
                *has = true;
            }
        }
        n_features += usize::from(n_values > before);
    }
    let n_rows = row_has.into_iter().filter(|&has| has).count();
    let share = |count: usize, of: usize| [count as f64, count as f64 / of as f64];
    Ok([share(n_values, n * d), share(n_rows, n), share(n_features, d)].concat())
}

/// Over the categorical features with any symbol; all zero where there are none.
pub(crate) fn symbols(context: &Context<'_>) -> Computed {
    let mut counts = Vec::new();
    for feature in 0..context.data.n_features() {
        if let FeatureKind::Categorical { symbols } = context.data.kind(feature) {
            let mut occurs = vec![false; symbols.len()];
            context
                .data
                .column(feature)
                .iter()
                .filter(|code| !code.is_nan())
                .for_each(|&code| occurs[code as usize] = true);
            counts.push(occurs.into_iter().filter(|&occurs| occurs).count() as f64);
        }
    }
    counts.retain(|&count| count > 0.0);
    if counts.is_empty() {
        return Ok(vec![0.0; 5]);
    }
    let (mean, std) = mean_and_std(&counts);
    let min = counts.iter().copied().fold(f64::INFINITY, f64::min);
    let max = counts.iter().copied().fold(0.0, f64::max);
    Ok(vec![min, max, mean, std, counts.iter().sum()])
}
