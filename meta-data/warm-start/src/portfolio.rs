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
    /// Nothing covered yet: the worst regret on each of `n_tasks`.
    pub(crate) fn nothing(n_tasks: usize) -> Self {
        Self { best: vec![1.0; n_tasks] }
    }

    /// Adds a configuration.
    pub(crate) fn add(&mut self, standings: &[Standing]) {
        self.best.iter_mut().zip(standings).for_each(|(best, standing)| *best = best.min(standing.regret));
    }

    /// How much a configuration lowers the best regret on each task, `[t]`.
    pub(crate) fn gains(&self, standings: &[Standing]) -> Vec<f64> {
        self.best.iter().zip(standings).map(|(best, standing)| (best - standing.regret).max(0.0)).collect()
    }

    /// The next candidate: which lowers the weighted mean best regret most; among equals, that of the lowest mean
    /// regret. `taken[c]` says which are out; `None` where all are.
    pub(crate) fn next(&self, landscape: &Landscape, weights: &[f64], taken: &[bool]) -> Option<usize> {
        let n = landscape.candidates().len();
        let (mut left, mut means) = (vec![0.0; n], vec![0.0; n]);
        for (task, &weight) in weights.iter().enumerate() {
            for (place, &regret) in landscape.regrets(task).iter().enumerate() {
                left[place] += weight * regret.min(self.best[task]);
                means[place] += weight * regret;
            }
        }
        let order = |&a: &usize, &b: &usize| left[a].total_cmp(&left[b]).then(means[a].total_cmp(&means[b]));
        (0..n).filter(|&place| !taken[place]).min_by(order)
    }
}
