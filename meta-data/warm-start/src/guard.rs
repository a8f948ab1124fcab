//! The no-harm guard: how boldly to follow the archive, and when to stop.
//!
//! It asks one question twice. Before the first trial of the archive itself: had each past task been the new one,
//! how often would a configuration that the *others* agree on have landed in its best tenth? A cold draw does so
//! one time in ten. And during the run, of the trials: how often do transferred ones land in the best tenth so
//! far, how often the strategy's own?

use crate::PastTask;
use crate::landscape::Landscape;
use crate::near::prior_weights;
use crate::rank::quantiles;
use crate::weights::consensus;

/// "Good" means: in the best tenth.
const GOOD: f64 = 0.1;

/// The choices of boldness: a transferred configuration is the one of the best consensus among so many draws. One
/// is a cold draw, a hundred is as good as the best of all.
const DRAWS: [usize; 5] = [1, 3, 10, 30, 100];

/// What the archive says before the first trial counts as much as this many trials.
const PRIOR_TRIALS: f64 = 10.0;

/// Past tasks that are each taken for the new one; the nearest ones.
const MAX_CHECKED: usize = 32;

/// How boldly to follow the archive.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guard {
    n_draws: usize,
    /// The chance that a transferred configuration is good, before any trial.
    prior_chance: f64,
    /// Correlation of what others expect with what was measured, cautiously.
    correlation: f64,
    n_checked: usize,
}

impl Guard {
    /// Takes each past task for the new one in turn and chooses the boldness of the best cautious chance: the mean
    /// over tasks less three standard errors. Cold draws are among the choices and never vary: where past tasks
    /// mislead about one another, or are too few to tell, they win.
    pub(crate) fn new(landscape: &Landscape, tasks: &[PastTask], weights: &[f64]) -> Self {
        let mut checked: Vec<usize> = (0..landscape.n_tasks()).collect();
        checked.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
        checked.truncate(MAX_CHECKED);
        if checked.len() < 2 {
            // One task cannot be checked against another: the mildest preference.
            return Self { n_draws: DRAWS[1], prior_chance: 1.5 * GOOD, correlation: 0.3, n_checked: 0 };
        }
        let trials: Vec<Foretold> =
            checked.into_iter().map(|task| Foretold::new(landscape, tasks, task)).collect();
        let of = |choice: usize| trials.iter().map(move |foretold| foretold.chances[choice]);
        let bolder = |best, choice| if cautious(of(choice)) > cautious(of(best)) { choice } else { best };
        let best = (1..DRAWS.len()).fold(0, bolder);
        Self {
            n_draws: DRAWS[best],
            prior_chance: (of(best).sum::<f64>() / trials.len() as f64).max(GOOD),
            correlation: cautious(trials.iter().map(|foretold| foretold.correlation)),
            n_checked: trials.len(),
        }
    }

    /// How many draws a transferred configuration is chosen from; `None`: from all.
    pub(crate) fn n_draws(&self) -> Option<usize> {
        (self.n_draws < DRAWS[DRAWS.len() - 1]).then_some(self.n_draws)
    }

    /// How many past tasks were checked against the others.
    pub(crate) fn n_checked(&self) -> usize {
        self.n_checked
    }

    /// The chance that a transferred configuration is in the best tenth, as the archive foretells it.
    pub(crate) fn prior_chance(&self) -> f64 {
        self.prior_chance
    }

    /// What an expected score is worth in trials: the part of the variance it explains. A trial explains all.
    pub(crate) fn trust(&self) -> f64 {
        self.correlation.max(0.0).powi(2)
    }

    /// The share of trials to transfer, `0..=1`, after the trials with `objectives` `[n]`, of which `transferred[i]`
    /// were: the excess of the chance of a good trial over the strategy's own chance.
    pub(crate) fn share(&self, objectives: &[f64], transferred: &[bool]) -> f64 {
        if self.n_draws == 1 {
            return 0.0;
        }
        let good = quantiles(objectives).into_iter().map(|quantile| quantile <= GOOD);
        let mut counts = [(0.0, 0.0); 2];
        for (good, &transferred) in good.zip(transferred) {
            let (n_good, n) = &mut counts[usize::from(transferred)];
            *n_good += f64::from(u8::from(good));
            *n += 1.0;
        }
        let chance =
            |prior: f64, (n_good, n): (f64, f64)| (PRIOR_TRIALS * prior + n_good) / (PRIOR_TRIALS + n);
        (1.0 - chance(GOOD, counts[0]) / chance(self.prior_chance, counts[1])).max(0.0)
    }
}

/// How one past task fares when the others foretell it.
struct Foretold {
    /// For each boldness, the chance to land in the best tenth of what was measured on the task.
    chances: [f64; DRAWS.len()],
    /// Correlation of expected with measured scores.
    correlation: f64,
}

impl Foretold {
    fn new(landscape: &Landscape, tasks: &[PastTask], task: usize) -> Self {
        let mut others = prior_weights(tasks[task].meta_features.as_ref(), tasks);
        others[task] = 0.0;
        let total: f64 = others.iter().sum();
        others.iter_mut().for_each(|weight| *weight /= total);
        let consensus = consensus(landscape, &others);
        let mut order = landscape.measured(task);
        order.sort_by(|&a, &b| consensus[a].total_cmp(&consensus[b]));
        let expected: Vec<f64> = order.iter().map(|&place| consensus[place]).collect();
        let own: Vec<f64> = order.iter().map(|&place| landscape.scores(task)[place]).collect();
        let good: Vec<bool> = quantiles(&own).into_iter().map(|quantile| quantile <= GOOD).collect();
        let n = order.len() as f64;
        // The best of m draws is the i-th of n with chance ((n - i + 1) / n)^m - ((n - i) / n)^m.
        let above = |place: usize, m: usize| (1.0 - place as f64 / n).powi(m as i32);
        let chances = DRAWS.map(|m| {
            let chance = |place: usize| above(place, m) - above(place + 1, m);
            (0..good.len()).filter(|&place| good[place]).map(chance).sum()
        });
        Self { chances, correlation: correlation(&expected, &own) }
    }
}

/// The mean less three standard errors: how sure the archive can be of it grows with its tasks.
fn cautious(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    mean - 3.0 * deviation / n.sqrt()
}

/// Pearson's correlation; 0 where one side is constant.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let dot = |x: &[f64], mean_x: f64, y: &[f64], mean_y: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum()
    };
    let spread = (dot(a, mean_a, a, mean_a) * dot(b, mean_b, b, mean_b)).sqrt();
    if spread > 0.0 { dot(a, mean_a, b, mean_b) / spread } else { 0.0 }
}
