//! The no-harm guard: how boldly to follow the archive, and when to stop.
//!
//! Before the first trial, policies are played: each past task is taken for the new one and searched from its own
//! records, cold and by each policy, and the policy that gains most, cautiously, is chosen. Where no policy that begins
//! with the archive surely gains, those are played that hear the strategy's own trials first, and follow as far as these
//! bear the archive out. During the run transferred trials are compared with own ones: where they win less than half of
//! the pairs, the share falls.

use std::cmp::Ordering;

use heirloom_model::{Rng, Seed};
use rayon::prelude::*;

use crate::PastTask;
use crate::landscape::Landscape;
use crate::near::prior_weights;
use crate::portfolio::Covered;
use crate::rank::quantiles;
use crate::student::one_sided;
use crate::weights::{TaskWeights, consensus};

/// The choices of boldness: a transferred configuration is the one of the best consensus among so many draws, or of
/// all. Ten draws hold one of the best tenth.
const DRAWS: [Option<usize>; 2] = [Some(10), None];

/// The choices of the share of transferred trials in the initial design. It fades after that: without trials of its
/// own a run could not find out that the archive misleads.
const SHARES: [f64; 2] = [0.5, 0.95];

/// The choices of how many first trials are the portfolio's where they are transferred: answers that differ tell which
/// past tasks are like the new one before all follow one consensus.
const FROM_PORTFOLIO: [u64; 2] = [0, 3];

/// Trials of a play.
pub(crate) const N_PLAYED: usize = 40;

/// A play's incumbents are compared after so many trials.
const CHECKPOINTS: [usize; 4] = [5, 10, 20, N_PLAYED];

/// Plays of each policy on each past task; the cold one sees the same random draws. Few tasks are played more often:
/// else the verdict would hang on the draws.
const N_PLAYS: std::ops::RangeInclusive<u64> = 8..=64;

/// Plays of each policy on all past tasks together, as far as the above allows.
const N_PLAYS_IN_ALL: u64 = 256;

/// Past tasks that are each taken for the new one; the nearest ones.
const MAX_CHECKED: usize = 32;

/// A past task of fewer trials is not played: a search of it would end before it had begun, and gain nothing.
const MIN_PLAYED: usize = CHECKPOINTS[1];

/// Before a run has compared so many pairs of trials, they are taken as even.
const PRIOR_PAIRS: f64 = 10.0;

/// Spreads transferred trials evenly among the others: the golden ratio's multiples, modulo 1.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// Where the multiples begin: the first trial is a transferred one with any share, and the fifth the strategy's own, so
/// that the archive's word is checked early.
const FIRST: f64 = 0.49;

/// How the archive is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Policy {
    /// A transferred configuration is the best of so many draws; `None`: of all.
    pub(crate) n_draws: Option<usize>,
    pub(crate) share: f64,
    /// The transferred ones among so many first trials are the portfolio's.
    pub(crate) n_from_portfolio: u64,
    /// So many first trials are the strategy's own, and past tasks are then followed as far as they bear them out; 0:
    /// from the first trial on, whatever they say.
    pub(crate) n_own: usize,
    /// After so many trials more the archive has been asked, and the share fades.
    pub(crate) n_initial: usize,
}

impl Policy {
    /// The share of trials to transfer after the first `trial` ones, which are in `record` and `weights`: less than
    /// the policy's beyond the initial design, and where transferred trials beat own ones in less than half of the
    /// pairs.
    pub(crate) fn share(&self, trial: u64, record: &Record, weights: &TaskWeights) -> f64 {
        if trial < self.n_own as u64 {
            return 0.0;
        }
        let fade = ((self.n_own + self.n_initial) as f64 / (trial + 1) as f64).min(1.0);
        let heard = if self.listens() { weights.borne_out() } else { 1.0 };
        fade * heard * self.share * (2.0 * record.chance_to_win()).min(1.0)
    }

    /// Whether own trials come first.
    pub(crate) fn listens(&self) -> bool {
        self.n_own > 0
    }

    /// The weights of the past tasks, `[t]`.
    pub(crate) fn weights(&self, weights: &TaskWeights) -> Vec<f64> {
        if self.listens() { weights.of_those_borne_out() } else { weights.now() }
    }

    /// Whether the trial after `trial` others is the portfolio's.
    pub(crate) fn begins(&self, trial: u64) -> bool {
        trial < self.n_from_portfolio
    }

    /// One of the `free` candidates, by what `consensus` says of them.
    pub(crate) fn choose(
        &self,
        free: &[usize],
        consensus: impl Fn(usize) -> f64,
        rng: &mut Rng,
    ) -> Option<usize> {
        let best = |places: &mut dyn Iterator<Item = usize>| {
            places.map(|place| (consensus(place), place)).min_by(|a, b| a.0.total_cmp(&b.0))
        };
        let found = match self.n_draws {
            Some(n) => best(&mut (0..n).filter_map(|_| rng.choose(free).copied())),
            None => best(&mut free.iter().copied()),
        };
        found.map(|(_, place)| place)
    }
}

/// What came of a run's trials, the transferred ones and the strategy's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// Objectives, minimised, a failure as infinity.
    pub(crate) transferred: Vec<f64>,
    pub(crate) own: Vec<f64>,
    /// Pairs of one of each that the transferred one won; an even one counts half.
    n_won: f64,
    /// Pairs with an own trial of a smaller size that the transferred one lost.
    n_lost_to_small: usize,
}

impl Record {
    pub(crate) fn tell(&mut self, objective: f64, is_transferred: bool) {
        let won = |warm: f64, own: f64| match warm.total_cmp(&own) {
            Ordering::Less => 1.0,
            Ordering::Equal => 0.5,
            Ordering::Greater => 0.0,
        };
        if is_transferred {
            self.n_won += self.own.iter().map(|&own| won(objective, own)).sum::<f64>();
            self.transferred.push(objective);
        } else {
            self.n_won += self.transferred.iter().map(|&warm| won(warm, objective)).sum::<f64>();
            self.own.push(objective);
        }
    }

    /// Tells of an own trial of a smaller size than the transferred ones'. Where it beats one of them, that is a pair
    /// lost; where it does not, that may be its size.
    pub(crate) fn tell_small(&mut self, objective: f64) {
        self.n_lost_to_small += self.transferred.iter().filter(|&&warm| objective < warm).count();
    }

    /// The share of pairs that the transferred trial wins.
    fn chance_to_win(&self) -> f64 {
        let n_pairs = self.transferred.len() * self.own.len() + self.n_lost_to_small;
        (PRIOR_PAIRS / 2.0 + self.n_won) / (PRIOR_PAIRS + n_pairs as f64)
    }
}

/// Whether the trial after `trial` others is a transferred one where a `share` of them are.
pub(crate) fn is_due(trial: u64, share: f64) -> bool {
    (FIRST + trial as f64 * GOLDEN).fract() < share
}

/// How boldly to follow the archive.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guard {
    /// `None`: not at all.
    pub(crate) policy: Option<Policy>,
    /// So many times its trials a cold search needs for what the policy finds, on past tasks.
    pub(crate) worth: f64,
    /// Past tasks on which policies were played.
    pub(crate) n_checked: usize,
    /// Correlation of what others expect with what was measured, cautiously.
    correlation: f64,
}

impl Guard {
    /// Plays policies on the past tasks and chooses.
    ///
    /// First those that begin with the archive: the one of the best mean gain over tasks, each with what its mean is at
    /// least, with a confidence of 99.5 %. A cold search gains nothing and never varies: where past tasks mislead about
    /// one another, it wins. Then those that hear own trials first: they may help some tasks only, if they harm none.
    pub(crate) fn new(landscape: &Landscape, tasks: &[PastTask], weights: &[f64], n_initial: usize) -> Self {
        let is_playable = |&task: &usize| tasks[task].configurations.len() >= MIN_PLAYED;
        let mut checked: Vec<usize> = (0..landscape.n_tasks()).filter(is_playable).collect();
        checked.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
        checked.truncate(MAX_CHECKED);
        let bold = Policy { n_draws: None, share: 1.0, n_from_portfolio: 0, n_own: 0, n_initial };
        if checked.len() < 2 {
            // Nothing to check the past tasks against: the mildest preference.
            let policy = Some(Policy { n_draws: Some(3), share: 1.0 / 3.0, ..bold });
            return Self { policy, worth: 1.0, n_checked: 0, correlation: 0.3 };
        }
        let rehearsals: Vec<Rehearsal> =
            checked.par_iter().map(|&task| Rehearsal::new(landscape, tasks, &checked, task)).collect();
        let n_plays = (N_PLAYS_IN_ALL / checked.len() as u64).clamp(*N_PLAYS.start(), *N_PLAYS.end());
        let degrees =
            || DRAWS.into_iter().flat_map(|n_draws| SHARES.map(|share| Policy { n_draws, share, ..bold }));
        let at_once: Vec<Policy> = degrees()
            .flat_map(|policy| FROM_PORTFOLIO.map(|n_from_portfolio| Policy { n_from_portfolio, ..policy }))
            .collect();
        let n_own = (n_initial / 2).max(1);
        let listening = || degrees().map(|policy| Policy { n_own, ..policy }).collect::<Vec<_>>();
        let best = best_of(&rehearsals, n_plays, &at_once, |gains| mean(gains) - error(gains))
            .or_else(|| best_of(&rehearsals, n_plays, &listening(), |gains| mean(gains) - harm(gains)));
        let correlations: Vec<f64> = rehearsals.iter().map(Rehearsal::correlation).collect();
        Self {
            policy: best.map(|(policy, _)| policy),
            worth: best.map_or(1.0, |(_, gain)| gain.exp()),
            n_checked: checked.len(),
            correlation: mean(&correlations) - error(&correlations),
        }
    }

    /// Whether the archive is believed before the first trial.
    pub(crate) fn follows_at_once(&self) -> bool {
        self.policy.is_some_and(|policy| !policy.listens())
    }

    /// What an expected score is worth in trials: the part of the variance it explains. A trial explains all.
    pub(crate) fn trust(&self) -> f64 {
        self.correlation.max(0.0).powi(2)
    }
}

/// The policy of the best `value` of its gains `[tasks]`, if that is above 0, and their mean.
fn best_of(
    rehearsals: &[Rehearsal],
    n_plays: u64,
    policies: &[Policy],
    value: impl Fn(&[f64]) -> f64,
) -> Option<(Policy, f64)> {
    let by_task: Vec<Vec<f64>> = rehearsals.par_iter().map(|past| past.gains(policies, n_plays)).collect();
    let judged = policies.iter().enumerate().map(|(place, &policy)| {
        let gains: Vec<f64> = by_task.iter().map(|gains| gains[place]).collect();
        (value(&gains), policy, mean(&gains))
    });
    let best = judged.filter(|(value, ..)| *value > 0.0).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, policy, gain)| (policy, gain))
}

/// One past task taken for the new one.
struct Rehearsal {
    /// The weights of the others, `[t]`.
    prior: Vec<f64>,
    /// Scores on the others, `[n][t]`, of each of the `n` configurations that were measured here.
    expected: Vec<Vec<f64>>,
    /// Their regrets on the others, `[t][n]`.
    regrets: Vec<Vec<f64>>,
    /// What a play's portfolio begins with.
    uncovered: Covered,
    /// Their scores here, `[n]`.
    own: Vec<f64>,
    seed: Seed,
}

impl Rehearsal {
    fn new(landscape: &Landscape, tasks: &[PastTask], checked: &[usize], task: usize) -> Self {
        let features = tasks[task].meta_features.as_ref();
        let all = prior_weights(tasks, landscape.sketches(), Some(task), features);
        let others: Vec<usize> = checked.iter().copied().filter(|&other| other != task).collect();
        let total: f64 = others.iter().map(|&other| all[other]).sum();
        let places = landscape.measured(task);
        let expected = |&place: &usize| others.iter().map(|&other| landscape.scores(other)[place]).collect();
        let regrets = |&other: &usize| places.iter().map(|&place| landscape.regrets(other)[place]).collect();
        let regrets: Vec<Vec<f64>> = others.iter().map(regrets).collect();
        Self {
            prior: others.iter().map(|&other| all[other] / total).collect(),
            expected: places.iter().map(expected).collect(),
            uncovered: Covered::nothing(regrets.iter().map(Vec::as_slice)),
            regrets,
            own: places.iter().map(|&place| landscape.scores(task)[place]).collect(),
            seed: Seed::from_number(0).derive("warm-start rehearsal", task as u64),
        }
    }

    /// What each policy gains, `[policies]`: by which factor, as a logarithm, its incumbents are rarer than the cold
    /// ones. An incumbent that one in a hundred draws reaches is worth a hundred trials.
    ///
    /// * `n_plays`: searches of each policy.
    fn gains(&self, policies: &[Policy], n_plays: u64) -> Vec<f64> {
        let rarity: Vec<f64> = quantiles(&self.own).into_iter().map(|quantile| -quantile.ln()).collect();
        let mut gains = vec![0.0; policies.len()];
        for play in 0..n_plays {
            let seed = self.seed.derive("play", play);
            let cold = self.play(None, seed, &rarity);
            for (gain, &policy) in gains.iter_mut().zip(policies) {
                *gain += (self.play(Some(policy), seed, &rarity) - cold) / n_plays as f64;
            }
        }
        gains
    }

    /// A search over what was measured here: the mean of its incumbents' `rarity` `[n]` at the checkpoints. The
    /// strategy draws at random, and neither side proposes anything twice.
    fn play(&self, policy: Option<Policy>, seed: Seed, rarity: &[f64]) -> f64 {
        let mut free: Vec<usize> = (0..self.own.len()).collect();
        let mut order = free.clone();
        seed.derive("strategy", 0).rng().shuffle(&mut order);
        let mut order = order.into_iter();
        let mut rng = seed.derive("warm-start", 0).rng();
        let mut weights = TaskWeights::new(self.prior.clone());
        let mut covered = self.uncovered.clone();
        let mut record = Record::default();
        let (mut incumbent, mut incumbents) = (f64::NEG_INFINITY, Vec::new());
        for trial in 0..N_PLAYED {
            let trial = trial as u64;
            let following = policy.filter(|policy| is_due(trial, policy.share(trial, &record, &weights)));
            let place = match following {
                Some(policy) if policy.begins(trial) => covered.next(&self.regrets, &weights.now(), &free),
                Some(policy) => {
                    let now = policy.weights(&weights);
                    policy.choose(
                        &free,
                        |place| consensus(self.expected[place].iter().copied(), &now),
                        &mut rng,
                    )
                }
                None => order.find(|place| free.contains(place)),
            };
            let Some(place) = place else { break };
            free.retain(|&other| other != place);
            incumbent = incumbent.max(rarity[place]);
            incumbents.push(incumbent);
            if policy.is_some() {
                covered.add_regrets(self.regrets.iter().map(|regrets| regrets[place]));
                weights.tell(self.own[place], self.expected[place].clone());
                record.tell(self.own[place], following.is_some());
            }
        }
        let after = |n: &usize| incumbents.get(n - 1).or(incumbents.last()).copied().unwrap_or(0.0);
        CHECKPOINTS.iter().map(after).sum::<f64>() / CHECKPOINTS.len() as f64
    }

    /// Of what the others expect with what was measured.
    fn correlation(&self) -> f64 {
        let expected = self.expected.iter().map(|scores| consensus(scores.iter().copied(), &self.prior));
        correlation(&expected.collect::<Vec<_>>(), &self.own)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// By how much the mean of a population of which these are `values` may be below theirs, with a confidence of 99.5 %:
/// how sure the archive can be of it grows with its tasks.
fn error(values: &[f64]) -> f64 {
    let (n, mean) = (values.len() as f64, mean(values));
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    one_sided(values.len()) * deviation / n.sqrt()
}

/// So much a single task may lose: as many deviations, of the losses alone (Sortino and van der Meer 1991, "Downside
/// risk"). That gains differ is no risk.
fn harm(gains: &[f64]) -> f64 {
    let losses: Vec<f64> = gains.iter().map(|gain| gain.min(0.0).powi(2)).collect();
    one_sided(gains.len()) * mean(&losses).sqrt()
}

/// Pearson's correlation; 0 where one side is constant.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let dot = |x: &[f64], mean_x: f64, y: &[f64], mean_y: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum()
    };
    let spread = (dot(a, mean_a, a, mean_a) * dot(b, mean_b, b, mean_b)).sqrt();
    if spread > 0.0 { dot(a, mean_a, b, mean_b) / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the share, the archive's word is heard at once and checked early.
    #[test]
    fn the_first_trial_is_transferred_with_half_of_them_and_one_of_five_own_with_nearly_all() {
        let [half, nearly_all] = SHARES;
        assert!(is_due(0, half));
        assert_eq!((0..10).filter(|&trial| is_due(trial, half)).count(), 6);
        assert!((0..5).any(|trial| !is_due(trial, nearly_all)));
    }
}
