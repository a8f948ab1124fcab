//! Proxies between ask and evaluate: many proposals are scored, the promising ones are evaluated.

use std::sync::Arc;

use heirloom_model::{ComponentError, Configuration, Direction, MIN_KEPT, Proxy, Seed, Space};

use crate::vote::{References, VOTE, Vote};

/// A proxy that lets the better part of the proposals through.
#[derive(Clone)]
pub struct ProxyFilter {
    /// The proxy's name, under which scores are recorded.
    pub name: String,
    /// What scores.
    pub proxy: Arc<dyn Proxy>,
    /// The share of proposals that pass, `0 < keep <= 1`; 1 records scores and filters nothing.
    pub keep: f64,
}

/// What the filters said of one proposal.
pub(crate) struct Screened {
    pub(crate) scores: Vec<(String, f64)>,
    pub(crate) passes: bool,
}

/// All filters of a run: the proxies in turn, then their vote.
pub(crate) struct Screen {
    filters: Vec<ProxyFilter>,
    vote: Option<Vote>,
    /// By these the vote places scores, once it is asked for.
    references: Option<References>,
    seed: Seed,
}

impl Screen {
    /// `seed`: what the vote's references follow from.
    pub(crate) fn new(filters: Vec<ProxyFilter>, vote: Option<Vote>, seed: Seed) -> Self {
        Self { filters, vote, references: None, seed }
    }

    /// Proposals that must be asked for so that `n` pass all filters.
    pub(crate) fn n_to_ask(&self, n: usize) -> usize {
        self.n_before(0, n)
    }

    /// Proposals that must reach the filter at `index` so that `n` pass the rest.
    fn n_before(&self, index: usize, n: usize) -> usize {
        let of_proxies: f64 = self.filters[index..].iter().map(|filter| filter.keep).product();
        let keep = of_proxies * self.vote.as_ref().map_or(1.0, |vote| vote.keep);
        (n as f64 / keep.clamp(MIN_KEPT, 1.0)).ceil() as usize
    }

    /// Scores configurations by every filter in turn and lets the best `n` through. A configuration that a proxy
    /// cannot score (NaN) ranks last.
    pub(crate) fn screen(
        &mut self,
        space: &Space,
        configurations: &[Configuration],
        n: usize,
        seed: Seed,
    ) -> Result<Vec<Screened>, ComponentError> {
        let mut screened: Vec<Screened> =
            configurations.iter().map(|_| Screened { scores: Vec::new(), passes: true }).collect();
        for (index, filter) in self.filters.iter().enumerate() {
            let alive: Vec<usize> = (0..configurations.len()).filter(|&i| screened[i].passes).collect();
            let batch: Vec<Configuration> = alive.iter().map(|&i| configurations[i].clone()).collect();
            let mut scores = vec![f64::NAN; batch.len()];
            filter.proxy.score(&batch, seed, &mut scores)?;
            let n_pass = self.n_before(index + 1, n);
            pass(&mut screened, &filter.name, filter.proxy.info().direction, &scores, n_pass);
        }
        if let Some(vote) = &self.vote {
            if self.references.is_none() {
                let proxies: Vec<_> = self.filters.iter().map(|filter| Arc::clone(&filter.proxy)).collect();
                self.references = Some(References::draw(&proxies, space, vote.n_references, self.seed)?);
            }
            let alive = screened.iter().filter(|one| one.passes);
            let scores = alive.map(|one| one.scores.iter().map(|(_, score)| *score).collect::<Vec<_>>());
            let votes: Vec<f64> = scores
                .filter_map(|scores| Some(self.references.as_ref()?.vote(&vote.weights, &scores)))
                .collect();
            pass(&mut screened, VOTE, Direction::Maximise, &votes, n);
        }
        Ok(screened)
    }
}

/// Notes `scores` of those that have passed so far, and lets the best `n` of them pass on.
fn pass(screened: &mut [Screened], name: &str, direction: Direction, scores: &[f64], n: usize) {
    let mut alive: Vec<&mut Screened> = screened.iter_mut().filter(|one| one.passes).collect();
    let sign = match direction {
        Direction::Minimise => 1.0,
        Direction::Maximise => -1.0,
    };
    let mut order: Vec<usize> = (0..alive.len()).collect();
    order.sort_by(|&a, &b| {
        let by_score = (scores[a] * sign).partial_cmp(&(scores[b] * sign));
        by_score.unwrap_or_else(|| scores[a].is_nan().cmp(&scores[b].is_nan())).then(a.cmp(&b))
    });
    for (place, position) in order.into_iter().enumerate() {
        alive[position].scores.push((name.to_owned(), scores[position]));
        alive[position].passes = place < n;
    }
}
