//! The usual ways to start from past data sets, on a complete table of errors.

use crate::warm_openml::{Errors, regrets};

/// A way to order configurations from past data sets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer {
    /// By mean rank over all.
    AverageRank,
    /// Greedy portfolio over all (Feurer et al. 2022).
    GreedyPortfolio,
    /// The best configuration of the nearest, of the second nearest, … (Feurer et al. 2015).
    NearestTasks,
    /// Greedy portfolio over the fifteen nearest.
    NearPortfolio,
}

impl Peer {
    pub(crate) const ALL: [Self; 4] =
        [Self::AverageRank, Self::GreedyPortfolio, Self::NearestTasks, Self::NearPortfolio];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AverageRank => "average rank",
            Self::GreedyPortfolio => "greedy portfolio",
            Self::NearestTasks => "nearest tasks",
            Self::NearPortfolio => "portfolio over the 15 nearest",
        }
    }

    /// The first `n` configurations; `nearest` holds `past` by distance.
    pub(crate) fn sequence(self, table: &Errors, past: &[usize], nearest: &[usize], n: usize) -> Vec<usize> {
        match self {
            Self::AverageRank => average_rank(table, past, n),
            Self::GreedyPortfolio => greedy(table, past, n),
            Self::NearestTasks => best_of_each(table, nearest, n),
            Self::NearPortfolio => greedy(table, &nearest[..nearest.len().min(15)], n),
        }
    }
}

/// Expected best regret of `n` configurations drawn without replacement, exactly.
pub(crate) fn random_regret(regrets: &[f64], n: usize) -> f64 {
    let mut sorted = regrets.to_vec();
    sorted.sort_by(f64::total_cmp);
    let total = sorted.len();
    // The i-th is the best drawn when none of the i before it was drawn, and it was.
    let (mut none_before, mut expected) = (1.0, 0.0);
    for (i, regret) in sorted.iter().enumerate().take(total + 1 - n) {
        let drawn_now = n as f64 / (total - i) as f64;
        expected += none_before * drawn_now * regret;
        none_before *= 1.0 - drawn_now;
    }
    expected
}

fn average_rank(table: &Errors, past: &[usize], n: usize) -> Vec<usize> {
    let n_configurations = table.errors[0].len();
    let mut sums = vec![0.0; n_configurations];
    for &task in past {
        let errors = &table.errors[task];
        for (sum, error) in sums.iter_mut().zip(errors) {
            let below = errors.iter().filter(|other| *other < error).count();
            let equal = errors.iter().filter(|other| *other == error).count();
            *sum += below as f64 + equal as f64 / 2.0;
        }
    }
    let mut order: Vec<usize> = (0..n_configurations).collect();
    order.sort_by(|&a, &b| sums[a].total_cmp(&sums[b]));
    order.truncate(n);
    order
}

fn greedy(table: &Errors, past: &[usize], n: usize) -> Vec<usize> {
    let past: Vec<Vec<f64>> = past.iter().map(|&task| regrets(&table.errors[task])).collect();
    let mut best = vec![1.0f64; past.len()];
    let mut chosen = Vec::with_capacity(n);
    while chosen.len() < n {
        let left =
            |c: usize| -> f64 { past.iter().zip(&best).map(|(regrets, best)| best.min(regrets[c])).sum() };
        let costs: Vec<f64> = (0..table.errors[0].len()).map(left).collect();
        let free = (0..costs.len()).filter(|c| !chosen.contains(c));
        let Some(next) = free.min_by(|&a, &b| costs[a].total_cmp(&costs[b])) else { break };
        chosen.push(next);
        best.iter_mut().zip(&past).for_each(|(best, regrets)| *best = best.min(regrets[next]));
    }
    chosen
}

fn best_of_each(table: &Errors, nearest: &[usize], n: usize) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(n);
    let best = |&task: &usize| {
        let errors = &table.errors[task];
        (0..errors.len()).min_by(|&a, &b| errors[a].total_cmp(&errors[b]))
    };
    for configuration in nearest.iter().filter_map(best).chain(0..table.errors[0].len()) {
        if chosen.len() < n && !chosen.contains(&configuration) {
            chosen.push(configuration);
        }
    }
    chosen
}
