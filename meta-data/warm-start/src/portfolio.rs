//! The weighted greedy portfolio: the configuration that most lowers the weighted mean best regret, again and again.
//!
//! Each past task stands for what the new one may be like. A portfolio answers all of them at once: its second
//! configuration is good where the first is not. As the weights follow the trials, the rest of it is chosen anew
//! after each.
//!
//! Source: Feurer et al. 2022, "Auto-sklearn 2.0", section 3.1 (greedy portfolios); Wistuba et al. 2015,
//! "Sequential model-free hyperparameter tuning" (weights that follow the trials).

use crate::landscape::{Landscape, Standing};

/// The best regret that the configurations so far reach on each past task.
#[derive(Debug, Clone)]
pub(crate) struct Covered {
    best: Vec<f64>,
}

impl Covered {
    /// Nothing covered yet: the median regret on each task. A configuration is worth what it gains over a typical
    /// one; to be far worse than that costs one evaluation, no more.
    pub(crate) fn nothing(landscape: &Landscape) -> Self {
        let median = |task: usize| {
            let mut regrets = landscape.regrets(task).to_vec();
            regrets.sort_by(f64::total_cmp);
            regrets[regrets.len() / 2]
        };
        Self { best: (0..landscape.n_tasks()).map(median).collect() }
    }

    /// Adds a configuration.
    pub(crate) fn add(&mut self, standings: &[Standing]) {
        self.best.iter_mut().zip(standings).for_each(|(best, standing)| *best = best.min(standing.regret));
    }

    /// How much a configuration lowers the best regret on each task, `[t]`.
    pub(crate) fn gains(&self, standings: &[Standing]) -> Vec<f64> {
        self.best.iter().zip(standings).map(|(best, standing)| (best - standing.regret).max(0.0)).collect()
    }

    /// The next candidate: which lowers the weighted mean best regret most. `taken[c]` says which are out; `None`
    /// where all are.
    ///
    /// The new task is none of the `t` past ones: by Laplace's rule of succession it gets one part in `t + 1`, as a
    /// task that nothing covers yet and of which the mean regret is the best guess. Between many tasks that only
    /// breaks ties; from two it keeps the portfolio from chasing each one's own luck.
    pub(crate) fn next(&self, landscape: &Landscape, weights: &[f64], taken: &[bool]) -> Option<usize> {
        let n = landscape.candidates().len();
        let (mut left, mut means) = (vec![0.0; n], vec![0.0; n]);
        for (task, &weight) in weights.iter().enumerate() {
            for (place, &regret) in landscape.regrets(task).iter().enumerate() {
                left[place] += weight * regret.min(self.best[task]);
                means[place] += weight * regret;
            }
        }
        let n_tasks = weights.len() as f64;
        let cost = |place: usize| n_tasks * left[place] + means[place];
        let order = |&a: &usize, &b: &usize| cost(a).total_cmp(&cost(b));
        (0..n).filter(|&place| !taken[place]).min_by(order)
    }
}
