//! The weight of each past task: nearness by meta-features, corrected by how it ranks what has been tried here.

use crate::rank::Agreement;

/// How much a trial counts against a task that ranks it wrongly: θ of a Mallows model whose log-likelihood is the
/// mean number of discordant pairs a trial. Chosen among 0, 1, 2 and 4 on auto-sklearn's and Oboe's
/// tables, between which the regret hardly differs.
const CORRECTION: f64 = 1.0;

/// Trials that are compared; more of them would not change a verdict about a past task.
const MAX_TRIALS: usize = 300;

/// What the trials so far say about each past task.
#[derive(Debug, Clone)]
pub(crate) struct TaskWeights {
    prior: Vec<f64>,
    agreements: Vec<Agreement>,
    /// Objectives of the trials, a failure as infinity, and their scores on each task.
    trials: Vec<(f64, Vec<f64>)>,
}

impl TaskWeights {
    /// Weights before any trial, `[t]`, summing to 1.
    pub(crate) fn new(prior: Vec<f64>) -> Self {
        let agreements = vec![Agreement::default(); prior.len()];
        Self { prior, agreements, trials: Vec::new() }
    }

    /// Compares a finished trial with all earlier ones.
    ///
    /// * `objective`: minimised, a failure as infinity; `scores`: `[t]`, the configuration's on each task.
    pub(crate) fn tell(&mut self, objective: f64, scores: Vec<f64>) {
        if self.trials.len() >= MAX_TRIALS {
            return;
        }
        for (other, others) in &self.trials {
            for (task, agreement) in self.agreements.iter_mut().enumerate() {
                agreement.add([*other, objective], [others[task], scores[task]]);
            }
        }
        self.trials.push((objective, scores));
    }

    /// Before any trial, `[t]`.
    pub(crate) fn prior(&self) -> &[f64] {
        &self.prior
    }

    /// Kendall's τ of each task with the trials so far.
    pub(crate) fn rank_agreement(&self, task: usize) -> Option<f64> {
        self.agreements[task].tau().filter(|_| self.trials.len() >= 3)
    }

    /// Now, `[t]`, summing to 1: `prior · exp(−θ · 2 D / n)` with `D` discordant pairs among `n` trials.
    pub(crate) fn now(&self) -> Vec<f64> {
        let n = self.trials.len().max(1) as f64;
        let log_weight =
            |(prior, agreement): (&f64, &Agreement)| prior.ln() - CORRECTION * 2.0 * agreement.discordant / n;
        let logs: Vec<f64> = self.prior.iter().zip(&self.agreements).map(log_weight).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.into_iter().map(|log| (log - top).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect()
    }
}

/// What the weighted past tasks expect of a candidate with these `scores` `[t]`, where they differ at the worse end:
/// the mean plus the standard deviation. Small is good on nearly all tasks alike.
pub(crate) fn consensus(scores: impl Iterator<Item = f64>, weights: &[f64]) -> f64 {
    let (mut mean, mut square) = (0.0, 0.0);
    for (score, weight) in scores.zip(weights) {
        mean += weight * score;
        square += weight * score * score;
    }
    mean + (square - mean * mean).max(0.0).sqrt()
}
