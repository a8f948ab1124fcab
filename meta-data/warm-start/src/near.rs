//! Which past tasks resemble the new one, before its first trial.

use std::collections::BTreeSet;

use heirloom_model::Seed;

use crate::forest::{Forest, Growth};
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

/// n_min is the paper's for regression: leaves of a few tasks that behave alike. So many trees, for each task's share is
/// read off, and not a mean over tasks.
const LEARNED: Growth = Growth { n_trees: 400, n_min: 5 };

/// A past task that is taken for the new one is one of many: its weights may be rougher, and there is a forest for each.
const N_TREES_OF_PAST: u64 = 100;

/// A task of so many trials ranks configurations half as well as one of very many does: what a few trials say of all
/// configurations is mostly made up.
const HALF_KNOWN: f64 = 20.0;

/// The weight of each past task before the first trial, `[t]`, summing to 1: the mean of [`nearness`], for which all
/// meta-features are alike, and of what each counts in a forest that has learned from the past tasks which of them tell
/// tasks apart that behave differently; times how much is known of the task itself.
///
/// The new task itself, in earlier runs, weighs as much as all others together: no other is as like it.
///
/// * `sketches`: `[t][k]`, how configurations stand on each task; `left_out`: a task that is taken for the new one, has
///   no say, and weighs 0.
pub(crate) fn prior_weights(
    tasks: &[PastTask],
    sketches: &[Vec<f64>],
    left_out: Option<usize>,
    new: Option<&MetaFeatures>,
) -> Vec<f64> {
    let known = |task: &PastTask| {
        let n = task.configurations.len() as f64;
        n / (n + HALF_KNOWN)
    };
    let mut near = likeness(tasks, sketches, left_out, new);
    if left_out.is_none()
        && let Some(own) = tasks.iter().position(|task| task.is_own)
    {
        near[own] = 1.0;
    }
    let weights: Vec<f64> = near.into_iter().zip(tasks).map(|(weight, task)| weight * known(task)).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// How like the new task each past one is, `[t]`, summing to 1.
fn likeness(
    tasks: &[PastTask],
    sketches: &[Vec<f64>],
    left_out: Option<usize>,
    new: Option<&MetaFeatures>,
) -> Vec<f64> {
    let heard: Vec<usize> = (0..tasks.len()).filter(|&task| Some(task) != left_out).collect();
    let features: Vec<_> = heard.iter().map(|&task| tasks[task].meta_features.as_ref()).collect();
    let mut weights = vec![0.0; tasks.len()];
    for (&task, weight) in heard.iter().zip(nearness(new, &features)) {
        weights[task] = weight;
    }
    let described: Vec<usize> =
        heard.into_iter().filter(|&task| tasks[task].meta_features.is_some()).collect();
    let known: Vec<_> = features.into_iter().flatten().collect();
    let Some((here, past)) = new.and_then(|new| coordinates(new, &known)) else { return weights };
    let behaviour: Vec<f64> = described.iter().flat_map(|&task| &sketches[task]).copied().collect();
    let seed = Seed::from_number(0).derive("warm-start nearness", 0);
    let growth = Growth { n_trees: left_out.map_or(LEARNED.n_trees, |_| N_TREES_OF_PAST), ..LEARNED };
    let influence = Forest::fit(&past, &behaviour, growth, seed).influence(&here, past.len());
    // What the undescribed ones weigh is not the forest's to say.
    let total: f64 = described.iter().map(|&task| weights[task]).sum();
    for (&task, influence) in described.iter().zip(influence) {
        weights[task] = (weights[task] + total * influence) / 2.0;
    }
    weights
}

/// What is known of the new task, `[d]`, and of past ones, `[t][d]`: a feature that is unknown is taken for the past
/// tasks' median. `None` where nothing tells past tasks apart.
fn coordinates(new: &MetaFeatures, tasks: &[&MetaFeatures]) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    let names: BTreeSet<&String> = tasks.iter().flat_map(|features| features.keys()).collect();
    let (mut here, mut past) = (Vec::new(), vec![Vec::new(); tasks.len()]);
    for name in names {
        let values: Vec<Option<f64>> = tasks.iter().map(|features| known(features, name)).collect();
        let Some((median, _)) = robust_scale(&values) else { continue };
        here.push(known(new, name).unwrap_or(median));
        past.iter_mut().zip(values).for_each(|(point, value)| point.push(value.unwrap_or(median)));
    }
    (!here.is_empty()).then_some((here, past))
}

/// The weight of each task from meta-features alone, `[t]`, summing to 1.
///
/// Features are centred at their median and scaled by their interquartile range over the past tasks, counts as
/// logarithms; a distance is the mean gap. A task that shares no feature with the new one weighs as much as the mean
/// of the others. Without any meta-features all tasks weigh the same.
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
        let past: Vec<Option<f64>> =
            tasks.iter().map(|features| features.and_then(|features| known(features, name))).collect();
        let Some((median, scale)) = robust_scale(&past) else { continue };
        n_features += 1;
        let place = |value: f64| ((value - median) / scale).clamp(-FAR_OUT, FAR_OUT);
        let here = known(new, name).map(place);
        for ((sum, n_shared), past) in sums.iter_mut().zip(past) {
            let gap = here.zip(past).map(|(here, past)| (place(past) - here).abs());
            *sum += gap.unwrap_or(UNKNOWN_GAP);
            *n_shared += usize::from(gap.is_some());
        }
    }
    sums.into_iter().map(|(sum, n_shared)| (n_shared > 0).then(|| sum / n_features as f64)).collect()
}

/// A feature's coordinate, where it is known.
fn known(features: &MetaFeatures, name: &str) -> Option<f64> {
    features.get(name).map(|&value| coordinate(name, value)).filter(|value| value.is_finite())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Forty tasks of twelve features, of which the first decides how configurations stand.
    fn tasks() -> (Vec<PastTask>, Vec<Vec<f64>>) {
        let mut rng = Seed::from_number(2).rng();
        let task = |place: usize| {
            let features = (0..12).map(|feature| (format!("feature{feature:02}"), rng.uniform()));
            let task = PastTask {
                key: format!("task-{place}"),
                name: String::new(),
                meta_features: Some(features.collect()),
                configurations: Vec::new(),
                objectives: Vec::new(),
                n_evaluations: 0,
                is_own: false,
            };
            let sketch = if is_low(&task) { vec![1.0, -1.0] } else { vec![-1.0, 1.0] };
            (task, sketch)
        };
        (0..40).map(task).unzip()
    }

    fn is_low(task: &PastTask) -> bool {
        task.meta_features.as_ref().is_some_and(|features| features["feature00"] < 0.5)
    }

    #[test]
    fn the_feature_by_which_tasks_behave_counts_more_than_those_by_which_they_do_not() {
        let (tasks, sketches) = tasks();
        let new: MetaFeatures = (0..12)
            .map(|feature| (format!("feature{feature:02}"), if feature == 0 { 0.1 } else { 0.5 }))
            .collect();
        let on_alike = |weights: Vec<f64>| -> f64 {
            tasks.iter().zip(weights).filter(|(task, _)| is_low(task)).map(|(_, weight)| weight).sum()
        };
        let described: Vec<_> = tasks.iter().map(|task| task.meta_features.as_ref()).collect();
        let by_distance = on_alike(nearness(Some(&new), &described));
        let weights = likeness(&tasks, &sketches, None, Some(&new));
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let learned = on_alike(weights);
        assert!(learned > by_distance + 0.1, "{learned} {by_distance}");
    }

    #[test]
    fn one_that_is_left_out_weighs_nothing_and_undescribed_ones_keep_what_the_mean_gives_them() {
        let (mut tasks, sketches) = tasks();
        let new = tasks[7].meta_features.clone();
        tasks[3].meta_features = None;
        let weights = likeness(&tasks, &sketches, Some(7), new.as_ref());
        assert_eq!(weights[7], 0.0);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((weights[3] - 1.0 / 39.0).abs() < 0.02, "{}", weights[3]);
        assert_eq!(likeness(&tasks, &sketches, None, None), vec![1.0 / 40.0; 40]);
    }
}
