//! Which past tasks resemble the new one, before its first trial.

use crate::{MetaFeatures, PastTask};

/// The distance at which a task's influence has halved is that of the eighth nearest one: the number of
/// neighbours that carried auto-sklearn's warm start was 5 to 25 (Feurer et al. 2015), and of a hundred past data
/// sets about eight are of a kind.
const N_NEAR: usize = 8;

/// Half of the weight goes by nearness, half to all tasks alike: meta-features mislead often enough that no task
/// is ruled out before the first trial.
const EVEN_SHARE: f64 = 0.5;

/// A robust coordinate beyond this many interquartile ranges says "far out" and no more.
const FAR_OUT: f64 = 3.0;

/// The weight of each past task from meta-features alone, `[t]`, summing to 1.
///
/// Features are centred at their median and scaled by their interquartile range over the past tasks, counts as
/// logarithms; a distance is the mean over features known on both sides. A task of unknown distance weighs as
/// much as the mean of the others. Without any meta-features all tasks weigh the same.
pub(crate) fn prior_weights(new: Option<&MetaFeatures>, tasks: &[PastTask]) -> Vec<f64> {
    let n = tasks.len() as f64;
    let distances = distances(new, tasks);
    let mut known: Vec<f64> = distances.iter().flatten().copied().collect();
    if known.len() < 2 {
        return vec![1.0 / n; tasks.len()];
    }
    known.sort_by(f64::total_cmp);
    let near = known[N_NEAR.min(known.len() - 1)].max(f64::MIN_POSITIVE);
    let nearness: Vec<Option<f64>> = distances.iter().map(|d| d.map(|d| (-(d / near).powi(2)).exp())).collect();
    let mean = nearness.iter().flatten().sum::<f64>() / known.len() as f64;
    let total: f64 = nearness.iter().map(|nearness| nearness.unwrap_or(mean)).sum();
    let weight = |nearness: &Option<f64>| {
        (1.0 - EVEN_SHARE) * nearness.unwrap_or(mean) / total + EVEN_SHARE / n
    };
    nearness.iter().map(weight).collect()
}

fn distances(new: Option<&MetaFeatures>, tasks: &[PastTask]) -> Vec<Option<f64>> {
    let Some(new) = new else { return vec![None; tasks.len()] };
    let mut sums = vec![(0.0, 0usize); tasks.len()];
    for (name, &value) in new {
        let at = |features: &MetaFeatures| features.get(name).map(|&value| coordinate(name, value));
        let past: Vec<Option<f64>> = tasks
            .iter()
            .map(|task| task.meta_features.as_ref().and_then(at).filter(|value| value.is_finite()))
            .collect();
        let here = coordinate(name, value);
        let Some((median, scale)) = robust_scale(&past) else { continue };
        if !here.is_finite() {
            continue;
        }
        let place = |value: f64| ((value - median) / scale).clamp(-FAR_OUT, FAR_OUT);
        for (sum, past) in sums.iter_mut().zip(past) {
            if let Some(past) = past {
                sum.0 += (place(past) - place(here)).abs();
                sum.1 += 1;
            }
        }
    }
    sums.into_iter().map(|(sum, n)| (n > 0).then(|| sum / n as f64)).collect()
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
