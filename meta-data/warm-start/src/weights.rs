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

    /// How much likelier each task makes it that the trials rank as they do than chance does, `[t]`: the likelihood of
    /// [`Self::now`] over its mean by chance, where Kendall's τ is nearly normal with variance
    /// `2 (2 n + 5) / (9 n (n − 1))`.
    fn odds(&self) -> Vec<f64> {
        let n = self.trials.len().max(1) as f64;
        let by_chance = CORRECTION.powi(2) * (n - 1.0) * (2.0 * n + 5.0) / (36.0 * n);
        let odds =
            |task: &Agreement| (CORRECTION * task.tau().unwrap_or(0.0) * (n - 1.0) / 2.0 - by_chance).exp();
        self.agreements.iter().map(odds).collect()
    }

    /// How far the trials so far bear the past tasks out: by how much it is likelier that they rank as these do than by
    /// chance; 0 where it is less likely, 1 where it is sure. Both were as likely before.
    pub(crate) fn borne_out(&self) -> f64 {
        let odds: f64 = self.prior.iter().zip(self.odds()).map(|(prior, odds)| prior * odds).sum();
        ((odds - 1.0) / (odds + 1.0)).max(0.0)
    }

    /// The weights of the tasks that rank the trials better than chance would, `[t]`, summing to 1; those of all where
    /// none does.
    pub(crate) fn of_those_borne_out(&self) -> Vec<f64> {
        let surplus = |(prior, odds): (&f64, f64)| prior * (odds - 1.0).max(0.0);
        let weights: Vec<f64> = self.prior.iter().zip(self.odds()).map(surplus).collect();
        let total: f64 = weights.iter().sum();
        if total == 0.0 { self.now() } else { weights.into_iter().map(|weight| weight / total).collect() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trials_bear_out_the_task_that_ranks_them_alike_and_only_that() {
        let heard = |objectives: [f64; 8]| {
            let mut weights = TaskWeights::new(vec![0.1, 0.9]);
            assert_eq!((weights.of_those_borne_out(), weights.borne_out()), (weights.now(), 0.0));
            for (place, objective) in objectives.into_iter().enumerate() {
                // The first ranks them as they come, the second the other way round.
                weights.tell(objective, vec![place as f64, -(place as f64)]);
            }
            ((weights.of_those_borne_out(), weights.borne_out()), weights.now())
        };
        let ((weights, share), _) = heard([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(weights, [1.0, 0.0]);
        // exp((8 − 1) / 2 − 7 · 21 / 288), by a prior of 0.1; the other has next to nothing.
        let odds = 0.1 * (3.5 - 147.0 / 288.0_f64).exp();
        assert!((share - (odds - 1.0) / (odds + 1.0)).abs() < 0.02, "{share}");
        // 13 of 28 pairs are in order: no better than chance.
        let ((weights, share), now) = heard([4.0, 5.0, 3.0, 6.0, 2.0, 7.0, 1.0, 4.5]);
        assert_eq!((weights, share), (now, 0.0));
    }
}
