//! Proxies between ask and evaluate: many proposals are scored, the promising ones are evaluated.

use std::sync::Arc;

use heirloom_model::{ComponentError, Configuration, Direction, Proxy, Seed};

/// A proxy that lets the better part of the proposals through.
pub struct ProxyFilter {
    /// The proxy's name, under which scores are recorded.
    pub name: String,
    /// What scores.
    pub proxy: Arc<dyn Proxy>,
    /// The share of proposals that pass, `0 < keep <= 1`; 1 records scores and filters nothing.
    pub keep: f64,
}

/// Proposals that must be asked for so that `n` pass all filters.
pub(crate) fn n_to_ask(filters: &[ProxyFilter], n: usize) -> usize {
    let keep: f64 = filters.iter().map(|filter| filter.keep).product();
    (n as f64 / keep.clamp(1e-3, 1.0)).ceil() as usize
}

/// What the filters said of one proposal.
pub(crate) struct Screened {
    pub(crate) scores: Vec<(String, f64)>,
    pub(crate) passes: bool,
}

/// Scores configurations by every filter in turn and lets the best `n` through. A configuration that a proxy cannot
/// score (NaN) ranks last.
pub(crate) fn screen(
    filters: &[ProxyFilter],
    configurations: &[Configuration],
    n: usize,
    seed: Seed,
) -> Result<Vec<Screened>, ComponentError> {
    let mut screened: Vec<Screened> =
        configurations.iter().map(|_| Screened { scores: Vec::new(), passes: true }).collect();
    for (index, filter) in filters.iter().enumerate() {
        let alive: Vec<usize> = (0..configurations.len()).filter(|&i| screened[i].passes).collect();
        let batch: Vec<Configuration> = alive.iter().map(|&i| configurations[i].clone()).collect();
        let mut scores = vec![f64::NAN; batch.len()];
        filter.proxy.score(&batch, seed, &mut scores)?;
        let sign = match filter.proxy.info().direction {
            Direction::Minimise => 1.0,
            Direction::Maximise => -1.0,
        };
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by(|&a, &b| {
            let by_score = (scores[a] * sign).partial_cmp(&(scores[b] * sign));
            by_score.unwrap_or_else(|| scores[a].is_nan().cmp(&scores[b].is_nan())).then(a.cmp(&b))
        });
        let n_pass = n_to_ask(&filters[index + 1..], n).min(alive.len());
        for (place, &position) in order.iter().enumerate() {
            let one = &mut screened[alive[position]];
            one.scores.push((filter.name.clone(), scores[position]));
            one.passes = place < n_pass;
        }
    }
    Ok(screened)
}
