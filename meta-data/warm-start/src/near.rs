//! Which past tasks resemble the new one, before its first trial.

use std::collections::BTreeSet;

use crate::{MetaFeatures, PastTask};

/// A task's influence has fallen to 1/e at the distance of the nearest one beyond these: the number of
/// neighbours that carried auto-sklearn's warm start was 5 to 25 (Feurer et al. 2015), and of a hundred past data
/// sets about eight are of a kind. Of fewer than 24 tasks it is the third part.
const N_NEAR: usize = 8;

/// So much of the weight goes to all tasks alike: meta-features may mislead, and a weight of zero could never be
/// corrected.
const EVEN_SHARE: f64 = 0.02;

/// A robust coordinate beyond this many interquartile ranges says "far out" and no more.
const FAR_OUT: f64 = 3.0;

/// A feature unknown on either side leaves the two tasks apart as far as two tasks usually are, one interquartile
/// range: so that a task of which hardly anything is known is neither near nor far.
const UNKNOWN_GAP: f64 = 1.0;

/// The weight of each past task from meta-features alone, `[t]`, summing to 1.
///
/// Features are centred at their median and scaled by their interquartile range over the past tasks, counts as
/// logarithms; a distance is the mean gap. A task that shares no feature with the new one weighs as much as the mean
/// of the others. Without any meta-features all tasks weigh the same.
pub(crate) fn prior_weights(new: Option<&MetaFeatures>, tasks: &[PastTask]) -> Vec<f64> {
    nearness(new, &tasks.iter().map(|task| task.meta_features.as_ref()).collect::<Vec<_>>())
}

/// The same of tasks of which only the meta-features are at hand, `[t]`.
pub(crate) fn nearness(new: Option<&MetaFeatures>, tasks: &[Option<&MetaFeatures>]) -> Vec<f64> {
    let n = tasks.len() as f64;
    let distances = distances(new, tasks);
    let mut known: Vec<f64> = distances.iter().flatten().copied().collect();
    if known.len() < 2 {
        return vec![1.0 / n; tasks.len()];
    }
    known.sort_by(f64::total_cmp);
    let near = known[N_NEAR.min(known.len() / 3)].max(f64::MIN_POSITIVE);
    let nearness: Vec<Option<f64>> =
        distances.iter().map(|d| d.map(|d| (-(d / near).powi(2)).exp())).collect();
    let mean = nearness.iter().flatten().sum::<f64>() / known.len() as f64;
    let total: f64 = nearness.iter().map(|nearness| nearness.unwrap_or(mean)).sum();
    let weight =
        |nearness: &Option<f64>| (1.0 - EVEN_SHARE) * nearness.unwrap_or(mean) / total + EVEN_SHARE / n;
    nearness.iter().map(weight).collect()
}

/// Mean gap over the features that any past task knows, `[t]`; `None` for a task that shares none with the new one.
fn distances(new: Option<&MetaFeatures>, tasks: &[Option<&MetaFeatures>]) -> Vec<Option<f64>> {
    let Some(new) = new else { return vec![None; tasks.len()] };
    let names: BTreeSet<&String> = tasks.iter().flatten().flat_map(|features| features.keys()).collect();
    let mut sums = vec![(0.0, 0usize); tasks.len()];
    let mut n_features = 0;
    for name in names {
        let known = |features: &MetaFeatures| {
            features.get(name).map(|&value| coordinate(name, value)).filter(|value| value.is_finite())
        };
        let past: Vec<Option<f64>> = tasks.iter().map(|features| features.and_then(known)).collect();
        let Some((median, scale)) = robust_scale(&past) else { continue };
        n_features += 1;
        let place = |value: f64| ((value - median) / scale).clamp(-FAR_OUT, FAR_OUT);
        let here = known(new).map(place);
        for ((sum, n_shared), past) in sums.iter_mut().zip(past) {
            let gap = here.zip(past).map(|(here, past)| (place(past) - here).abs());
            *sum += gap.unwrap_or(UNKNOWN_GAP);
            *n_shared += usize::from(gap.is_some());
        }
    }
    sums.into_iter().map(|(sum, n_shared)| (n_shared > 0).then(|| sum / n_features as f64)).collect()
}

/// Counts span orders of magnitude; what `NumberOf…` and `Symbols…` name are counts.
fn coordinate(name: &str, value: f64) -> f64 {
    let is_count = name.starts_with("NumberOf") || name.starts_with("Symbols");
    if is_count { value.max(0.0).ln_1p() } else { value }
}

/// Median and spread of the known values: the interquartile range, or the standard deviation where most values
/// are the same; `None` where all are.
fn robust_scale(values: &[Option<f64>]) -> Option<(f64, f64)> {
    let mut known: Vec<f64> = values.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    let last = known.len().checked_sub(1)?;
    let quantile = |p: f64| {
        let place = p * last as f64;
        let (low, high) = (known[place.floor() as usize], known[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    let n = known.len() as f64;
    let mean = known.iter().sum::<f64>() / n;
    let deviation = (known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    let spread = quantile(0.75) - quantile(0.25);
    let scale = if spread > 1e-12 { spread } else { deviation };
    (scale > 1e-12).then_some((quantile(0.5), scale))
}
