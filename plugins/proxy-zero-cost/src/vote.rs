//! Several scores, brought to one by their places among those of random configurations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use heirloom_plugin::{
    ComponentError, Configuration, Direction, Problem, Proxy, ProxyInfo, ProxyNeeds, Seed, Space,
};

use crate::options::VoteOptions;
use crate::shown::Rows;
use crate::{Score, ScoreProxy};

/// The weighted mean of the places, 0 to 1, that scores have among those of random configurations of the space.
///
/// In a large batch of random configurations this ranks as the sum of ranks does; one configuration alone has a vote
/// too, and the same one in every batch.
#[derive(Debug)]
pub struct Vote {
    members: Vec<Member>,
    space: Arc<Space>,
    n_references: u32,
    seed: Seed,
    /// Each member's scores of the random configurations, once they were needed.
    places: Mutex<Option<Arc<Vec<Places>>>>,
}

#[derive(Debug)]
struct Member {
    proxy: ScoreProxy,
    weight: f64,
}

impl Vote {
    /// The vote that `options` describe, for `problem`'s space.
    pub fn new(options: &VoteOptions, problem: &Problem, n_threads: usize) -> Result<Self, ComponentError> {
        let setting = options.setting();
        let scores = voters(options)?;
        let rows = Arc::new(Rows::new(&setting)?);
        let member = |(score, weight): (Score, f64)| {
            let proxy = ScoreProxy::with_rows(score, setting.clone(), Arc::clone(&rows), problem, n_threads)?;
            Ok(Member { proxy, weight })
        };
        Ok(Self {
            members: scores.into_iter().map(member).collect::<Result<_, ComponentError>>()?,
            space: Arc::clone(&problem.space),
            n_references: options.n_references,
            seed: Seed::from_number(options.seed).derive("vote", 0),
            places: Mutex::new(None),
        })
    }

    /// Where each member's scores fall, counted once.
    fn places(&self) -> Result<Arc<Vec<Places>>, ComponentError> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = &*places {
            return Ok(Arc::clone(places));
        }
        let mut rng = self.seed.derive("references", 0).rng();
        let drawn = (0..self.n_references).map(|_| self.space.sample(&mut rng));
        let drawn = drawn.collect::<Result<Vec<_>, _>>();
        let drawn = drawn.map_err(|error| ComponentError::failed(error.to_string()))?;
        let of_member = |member: &Member| {
            let mut scores = vec![f64::NAN; drawn.len()];
            member.proxy.score(&drawn, self.seed, &mut scores)?;
            Ok(Places::new(scores.into_iter().map(|score| member.turned(score))))
        };
        let counted = self.members.iter().map(of_member).collect::<Result<_, ComponentError>>()?;
        Ok(Arc::clone(places.insert(Arc::new(counted))))
    }
}

impl Member {
    /// The score so that larger is better.
    fn turned(&self, score: f64) -> f64 {
        match self.proxy.info().direction {
            Direction::Maximise => score,
            Direction::Minimise => -score,
        }
    }
}

/// The scores that vote, each with its weight.
fn voters(options: &VoteOptions) -> Result<Vec<(Score, f64)>, ComponentError> {
    let mut weights = options.weights.clone().unwrap_or_default();
    let mut voters = Vec::new();
    for name in &options.proxies {
        let score = Score::parse(name).ok_or_else(|| {
            let known: Vec<&str> = Score::ALL.iter().map(|score| score.name()).collect();
            ComponentError::configuration(format!(
                "`proxies`: `{name}` is no score; hint: known are `{}`",
                known.join("`, `")
            ))
        })?;
        if voters.iter().any(|&(other, _)| other == score) {
            return Err(ComponentError::configuration(format!(
                "`proxies`: `{name}` stands twice; hint: give it a larger weight in `weights`"
            )));
        }
        voters.push((score, take(&mut weights, name)?));
    }
    if let Some(name) = weights.keys().next() {
        return Err(ComponentError::configuration(format!(
            "`weights`: `{name}` does not vote; hint: add it to `proxies`"
        )));
    }
    if voters.iter().all(|&(_, weight)| weight == 0.0) {
        return Err(ComponentError::configuration(
            "no score has a vote; hint: name some in `proxies`, with a weight other than 0",
        ));
    }
    Ok(voters)
}

fn take(weights: &mut BTreeMap<String, f64>, name: &str) -> Result<f64, ComponentError> {
    match weights.remove(name).unwrap_or(1.0) {
        weight if weight.is_finite() => Ok(weight),
        weight => Err(ComponentError::configuration(format!(
            "`weights`: `{name} = {weight}` is not finite; hint: 0 leaves a score out"
        ))),
    }
}

/// Scores in ascending order.
#[derive(Debug)]
struct Places {
    sorted: Vec<f64>,
    /// How many scores there are, with those that are NaN: they stand below all others.
    n: usize,
}

impl Places {
    fn new(scores: impl Iterator<Item = f64>) -> Self {
        let all: Vec<f64> = scores.collect();
        let mut sorted: Vec<f64> = all.iter().copied().filter(|score| !score.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        Self { n: all.len(), sorted }
    }

    /// Where `score` falls, from 0 to 1, the larger the higher. Between two of the scores it is interpolated; beyond
    /// the last ones it goes on, ever more slowly, so that the order is kept.
    fn place(&self, score: f64) -> f64 {
        let (Some(&low), Some(&high)) = (self.sorted.first(), self.sorted.last()) else { return 0.5 };
        let (below, steps) = ((self.n - self.sorted.len()) as f64, self.n as f64 + 1.0);
        let spread = if high > low { high - low } else { 1.0 };
        let beyond = |distance: f64| distance / (distance + spread);
        let rank = if score < low {
            1.0 - beyond(low - score)
        } else if score > high {
            self.sorted.len() as f64 + beyond(score - high)
        } else {
            // Equal scores share the middle of their places.
            let first = self.sorted.partition_point(|&other| other < score);
            let after = self.sorted.partition_point(|&other| other <= score);
            if after > first {
                (first + 1 + after) as f64 / 2.0
            } else {
                let (left, right) = (self.sorted[first - 1], self.sorted[first]);
                first as f64 + (score - left) / (right - left)
            }
        };
        (below + rank) / steps
    }
}

impl Proxy for Vote {
    fn info(&self) -> ProxyInfo {
        let infos: Vec<ProxyInfo> = self.members.iter().map(|member| member.proxy.info()).collect();
        let order = [ProxyNeeds::Nothing, ProxyNeeds::Inputs, ProxyNeeds::Labels, ProxyNeeds::Gradients];
        let most = infos.iter().map(|info| order.iter().position(|&needs| needs == info.needs)).max();
        ProxyInfo {
            direction: Direction::Maximise,
            cost_seconds: infos.iter().map(|info| info.cost_seconds).sum(),
            needs: most.flatten().map_or(ProxyNeeds::Nothing, |place| order[place]),
            unit: String::new(),
        }
    }

    fn score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        if configurations.len() != scores.len() {
            let (n, m) = (configurations.len(), scores.len());
            return Err(ComponentError::failed(format!("{n} configurations and room for {m} scores")));
        }
        if configurations.is_empty() {
            return Ok(());
        }
        let places = self.places()?;
        let total: f64 = self.members.iter().map(|member| member.weight.abs()).sum();
        let mut n_known = vec![0_usize; scores.len()];
        scores.fill(0.0);
        for (member, places) in self.members.iter().zip(places.iter()) {
            let mut own = vec![f64::NAN; scores.len()];
            member.proxy.score(configurations, seed, &mut own)?;
            for ((own, score), n_known) in own.into_iter().zip(scores.iter_mut()).zip(&mut n_known) {
                let place = if own.is_nan() {
                    // What a score cannot judge it speaks against.
                    0.0
                } else {
                    *n_known += 1;
                    let place = places.place(member.turned(own));
                    if member.weight < 0.0 { 1.0 - place } else { place }
                };
                *score += member.weight.abs() * place / total;
            }
        }
        for (score, n_known) in scores.iter_mut().zip(n_known) {
            if n_known == 0 {
                *score = f64::NAN;
            }
        }
        Ok(())
    }
}
