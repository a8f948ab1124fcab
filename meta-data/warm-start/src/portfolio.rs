//! The weighted greedy portfolio: the configuration that most lowers the weighted mean best regret, again and again.
//!
//! Each past task stands for what the new one may be like. A portfolio answers all of them at once: its second
//! configuration is good where the first is not. As the weights follow the trials, the rest of it is chosen anew
//! after each.
//!
//! Source: Feurer et al. 2022, "Auto-sklearn 2.0", section 3.1 (greedy portfolios); Wistuba et al. 2015,
//! "Sequential model-free hyperparameter tuning" (weights that follow the trials).

use crate::landscape::Standing;

/// The best regret that the configurations so far reach on each past task.
#[derive(Debug, Clone)]
pub(crate) struct Covered {
    best: Vec<f64>,
}

impl Covered {
    /// Nothing covered yet: the median regret on each task. A configuration is worth what it gains over a typical
    /// one; to be far worse than that costs one evaluation, no more.
    ///
    /// `regrets[t][c]`: those of the candidates on each task.
    pub(crate) fn nothing<'a>(regrets: impl Iterator<Item = &'a [f64]>) -> Self {
        let median = |regrets: &[f64]| {
            let mut regrets = regrets.to_vec();
            regrets.sort_by(f64::total_cmp);
            // Without candidates there is nothing to choose either.
            regrets.get(regrets.len() / 2).copied().unwrap_or(0.0)
        };
        Self { best: regrets.map(median).collect() }
    }

    /// Adds a configuration.
    pub(crate) fn add(&mut self, standings: &[Standing]) {
        self.add_regrets(standings.iter().map(|standing| standing.regret));
    }

    /// The same by its regrets alone, `[t]`.
    pub(crate) fn add_regrets(&mut self, regrets: impl Iterator<Item = f64>) {
        self.best.iter_mut().zip(regrets).for_each(|(best, regret)| *best = best.min(regret));
    }

    /// How much a configuration lowers the best regret on each task, `[t]`.
    pub(crate) fn gains(&self, standings: &[Standing]) -> Vec<f64> {
        self.best.iter().zip(standings).map(|(best, standing)| (best - standing.regret).max(0.0)).collect()
    }

    /// The next of the `free` candidates: which lowers the weighted mean best regret most, by the candidates'
    /// `regrets[t][c]`. `None` where none is free.
    ///
    /// The new task is none of the `t` past ones: by Laplace's rule of succession it gets one part in `t + 1`, as a
    /// task that nothing covers yet and of which the mean regret is the best guess. Between many tasks that only
    /// breaks ties; from two it keeps the portfolio from chasing each one's own luck.
    pub(crate) fn next(
        &self,
        regrets: &[impl AsRef<[f64]>],
        weights: &[f64],
        free: &[usize],
    ) -> Option<usize> {
        let n = regrets.first()?.as_ref().len();
        let (mut left, mut means) = (vec![0.0; n], vec![0.0; n]);
        for ((regrets, &weight), &best) in regrets.iter().zip(weights).zip(&self.best) {
            for (place, &regret) in regrets.as_ref().iter().enumerate() {
                left[place] += weight * regret.min(best);
                means[place] += weight * regret;
            }
        }
        let n_tasks = weights.len() as f64;
        let cost = |place: usize| n_tasks * left[place] + means[place];
        free.iter().copied().min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
    }
}
