//! Which proxies to believe on a new task, by how they ranked the trials of past ones.

use std::collections::BTreeMap;

use heirloom_model::Direction;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::MetaFeatures;
use crate::near;
use crate::rank::quantiles;

/// What is believed of a proxy of which nothing is recorded: Fisher's z of its rank correlation with the objective.
/// This and the next two are about those of twelve proxies on NAS-Bench-201's six tasks and TransNAS-Bench-101's three
/// that NAS-Bench-Suite-Zero recorded (Krishnakumar et al. 2022): 0.45 and 0.62.
const PRIOR: f64 = 0.5;

/// How much proxies differ in it, as a standard deviation: 0.14 and 0.36 there. With half of it two past tasks do not
/// talk a vote out of a proxy that is worth nothing.
const BETWEEN_PROXIES: f64 = 0.4;

/// How much the tasks of one proxy differ in it; 0.42 and 0.29 there.
const BETWEEN_TASKS: f64 = 0.4;

/// So much is added to the proxies' own correlations before weights are solved for, chosen on the same tasks among
/// 0.2, 0.5, 1, 2 and 3: with less of it weights fit those tasks better and misfit the one that is unlike the others.
const RIDGE: f64 = 1.0;

/// Proxies are held to be uncorrelated as if so many trials had shown it.
const UNCORRELATED_TRIALS: f64 = 10.0;

/// A correlation of ±1 among few trials is not believed to be that.
const MAX_CORRELATION: f64 = 0.99;

/// What proxies said in one past run, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredRun {
    /// The task's key in the archive.
    pub task: String,
    /// Numbers that describe the task, where known.
    pub meta_features: Option<MetaFeatures>,
    /// Each proxy's scores of the trials, filtered ones among them, `[n]` each; NaN where there is none.
    pub scores: BTreeMap<String, Vec<f64>>,
    /// The trials' first objective at full fidelity, minimised, `[n]`; NaN where there is none.
    pub objectives: Vec<f64>,
}

impl ScoredRun {
    /// Spearman's rank correlation of what the proxy promised, scores of which `direction` is good, with the
    /// objective, −1 to 1, and in how many trials; `None` of fewer than four, or where all are alike.
    pub fn agreement(&self, proxy: &str, direction: Direction) -> Option<(f64, usize)> {
        let (correlation, n) = spearman(self.scores.get(proxy)?, &self.objectives)?;
        // Objectives are minimised.
        Some((-sign(direction) * correlation, n))
    }
}

/// What is believed of one proxy on a new task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyBelief {
    /// The proxy.
    pub proxy: String,
    /// Which of its scores are good.
    pub direction: Direction,
    /// The rank correlation that is expected of its promise with the objective, −1 to 1.
    pub expected: f64,
    /// Its standard error.
    pub error: f64,
    /// What its place counts in a vote; the magnitudes of all proxies' sum to 1. Below 0: it is to be turned round.
    pub weight: f64,
    /// The past tasks that it ranked.
    pub record: Vec<PastAgreement>,
}

/// How a proxy ranked the trials of one past task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastAgreement {
    /// The task's key.
    pub task: String,
    /// Spearman's rank correlation of the proxy's promise with the objective, within runs.
    pub correlation: f64,
    /// In how many trials.
    pub n_trials: usize,
    /// Of how many runs.
    #[serde(default = "one_run")]
    pub n_runs: usize,
    /// How much it counts for the new task, 0 to 1: its nearness beside that of the nearest.
    pub nearness: f64,
}

/// Earlier versions did not say.
fn one_run() -> usize {
    1
}

/// What is believed of `proxies`, `[p]`, on the task `task` that `meta_features` describe.
///
/// A past task's rank correlation, as Fisher's z, tells of the proxy's mean over tasks with the precision of its
/// trials and of the spread between tasks, times the task's nearness (power prior, Ibrahim & Chen 2000); earlier runs
/// on the same task tell of it directly. The vote's weights are those of a ridge regression of the objective's ranks
/// on the scores': `(R + λ I)⁻¹ ρ`, `ρ` the expected correlations and `R` those of the scores among each other, to
/// which filtered trials speak too. Without a record all weights are equal.
pub fn believe(
    task: &str,
    meta_features: Option<&MetaFeatures>,
    runs: &[ScoredRun],
    proxies: &[(String, Direction)],
) -> Vec<ProxyBelief> {
    let nearness = nearness(task, meta_features, runs);
    let mut beliefs: Vec<ProxyBelief> = proxies
        .iter()
        .map(|(proxy, direction)| {
            let record = record(proxy, *direction, runs, &nearness);
            let (mean, error) = posterior(task, &record);
            let expected = mean.tanh();
            ProxyBelief {
                proxy: proxy.clone(),
                direction: *direction,
                expected,
                error: error * (1.0 - expected * expected),
                weight: 0.0,
                record,
            }
        })
        .collect();
    let n = proxies.len();
    let alike = DMatrix::from_fn(n, n, |i, j| {
        let ((one, turn_one), (other, turn_other)) = (&proxies[i], &proxies[j]);
        let turn = sign(*turn_one) * sign(*turn_other);
        if i == j { 1.0 + RIDGE } else { turn * scores_correlation(one, other, runs, &nearness) }
    });
    let expected = DVector::from_iterator(n, beliefs.iter().map(|belief| belief.expected));
    let weights = alike.lu().solve(&expected).unwrap_or(expected);
    let total: f64 = weights.iter().map(|weight| weight.abs()).sum();
    for (belief, weight) in beliefs.iter_mut().zip(&weights) {
        belief.weight = if total > 0.0 { weight / total } else { 0.0 };
    }
    beliefs
}

fn sign(direction: Direction) -> f64 {
    match direction {
        Direction::Maximise => 1.0,
        Direction::Minimise => -1.0,
    }
}

/// How near each past task is, by its key, 0 to 1: the nearest, and the task itself, 1.
fn nearness(task: &str, meta_features: Option<&MetaFeatures>, runs: &[ScoredRun]) -> BTreeMap<String, f64> {
    let described: BTreeMap<&str, Option<&MetaFeatures>> =
        runs.iter().map(|run| (run.task.as_str(), run.meta_features.as_ref())).collect();
    let weights = near::nearness(meta_features, &described.values().copied().collect::<Vec<_>>());
    let most = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let of =
        |(key, weight): (&&str, f64)| ((*key).to_owned(), if *key == task { 1.0 } else { weight / most });
    described.keys().zip(weights).map(of).collect()
}

/// How `proxy` ranked each past task: the mean over the task's runs, weighed by their trials.
fn record(
    proxy: &str,
    direction: Direction,
    runs: &[ScoredRun],
    nearness: &BTreeMap<String, f64>,
) -> Vec<PastAgreement> {
    let of_task = |(task, &nearness): (&String, &f64)| {
        let runs = runs.iter().filter(|run| run.task == *task);
        let (mut sum, mut total, mut n_trials, mut n_runs) = (0.0, 0.0, 0, 0);
        for (correlation, n) in runs.filter_map(|run| run.agreement(proxy, direction)) {
            let weight = n as f64 - 3.0;
            sum += weight * fishers_z(correlation);
            total += weight;
            n_trials += n;
            n_runs += 1;
        }
        let correlation = (sum / total).tanh();
        (total > 0.0).then(|| PastAgreement { task: task.clone(), correlation, n_trials, n_runs, nearness })
    };
    nearness.iter().filter_map(of_task).collect()
}

/// Fisher's z that is expected on `task`, and its standard error.
fn posterior(task: &str, record: &[PastAgreement]) -> (f64, f64) {
    let (mut precision, mut sum) = (BETWEEN_PROXIES.powi(-2), PRIOR * BETWEEN_PROXIES.powi(-2));
    for past in record.iter().filter(|past| past.task != task) {
        let share = past.nearness / (BETWEEN_TASKS.powi(2) + past.variance());
        precision += share;
        sum += share * fishers_z(past.correlation);
    }
    let (mut mean, mut variance) = (sum / precision, BETWEEN_TASKS.powi(2) + 1.0 / precision);
    if let Some(own) = record.iter().find(|past| past.task == task) {
        let share = variance / (variance + own.variance());
        mean += share * (fishers_z(own.correlation) - mean);
        variance *= 1.0 - share;
    }
    (mean, variance.sqrt())
}

impl PastAgreement {
    /// Of Fisher's z of a rank correlation, or of the mean of several runs' ones. Bonett & Wright 2000.
    fn variance(&self) -> f64 {
        (1.0 + self.correlation.powi(2) / 2.0) / (self.n_trials as f64 - 3.0 * self.n_runs as f64)
    }
}

fn fishers_z(correlation: f64) -> f64 {
    correlation.clamp(-MAX_CORRELATION, MAX_CORRELATION).atanh()
}

/// How two proxies' scores go together within past runs, −1 to 1; towards 0 where few trials have both.
fn scores_correlation(one: &str, other: &str, runs: &[ScoredRun], nearness: &BTreeMap<String, f64>) -> f64 {
    let (mut sum, mut total) = (0.0, UNCORRELATED_TRIALS);
    for run in runs {
        let pair = run.scores.get(one).zip(run.scores.get(other));
        if let Some((correlation, n)) = pair.and_then(|(one, other)| spearman(one, other)) {
            let weight = nearness[&run.task] * n as f64;
            sum += weight * correlation;
            total += weight;
        }
    }
    sum / total
}

/// Spearman's rank correlation of the pairs in which both are known, and how many there are; `None` of fewer than
/// four, or where all of one side are alike.
fn spearman(a: &[f64], b: &[f64]) -> Option<(f64, usize)> {
    let known = a.iter().zip(b).filter(|(a, b)| a.is_finite() && b.is_finite());
    let (a, b): (Vec<f64>, Vec<f64>) = known.map(|(a, b)| (*a, *b)).unzip();
    let (a, b) = (quantiles(&a), quantiles(&b));
    // Quantiles have the mean ½.
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - 0.5) * (b - 0.5)).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (a.len() > 3 && spread > 0.0).then(|| (product(&a, &b) / spread, a.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of `n` trials whose objective `good` predicts rightly, `bad` wrongly and `noise` not at all.
    fn run(task: &str, n: usize) -> ScoredRun {
        let numbers = |f: fn(usize) -> f64| (0..n).map(f).collect::<Vec<_>>();
        let scores = [
            ("good", numbers(|i| -(i as f64))),
            ("bad", numbers(|i| i as f64)),
            // Multiples of the golden ratio, modulo 1: spread evenly, in no order.
            ("noise", numbers(|i| (i as f64 * 0.618_033_988_749_895).fract())),
        ];
        ScoredRun {
            task: task.into(),
            meta_features: None,
            scores: scores.into_iter().map(|(name, scores)| (name.to_owned(), scores)).collect(),
            objectives: numbers(|i| (i as f64).exp()),
        }
    }

    fn proxies(names: &[&str]) -> Vec<(String, Direction)> {
        names.iter().map(|name| ((*name).to_owned(), Direction::Maximise)).collect()
    }

    #[test]
    fn without_a_record_all_proxies_count_the_same() {
        let beliefs = believe("new", None, &[], &proxies(&["good", "bad", "noise", "unheard"]));
        assert!(beliefs.iter().all(|belief| (belief.weight - 0.25).abs() < 1e-12), "{beliefs:?}");
        assert!(beliefs.iter().all(|belief| belief.record.is_empty() && belief.expected > 0.0));
    }

    #[test]
    fn few_trials_say_little_and_many_turn_a_misleading_proxy_round() {
        let expected = |n_tasks: usize, n_trials: usize| {
            let runs: Vec<_> = (0..n_tasks).map(|task| run(&format!("past {task}"), n_trials)).collect();
            let beliefs = believe("new", None, &runs, &proxies(&["good", "bad", "noise"]));
            assert!((beliefs.iter().map(|belief| belief.weight.abs()).sum::<f64>() - 1.0).abs() < 1e-12);
            beliefs.into_iter().map(|belief| belief.expected).collect::<Vec<_>>()
        };
        let (few, many) = (expected(1, 5), expected(12, 100));
        assert!(few[0] > 0.46 && few[1] > 0.0 && few[1] < 0.46, "{few:?}");
        assert!(many[0] > 0.9 && many[1] < -0.8 && many[2].abs() < 0.2, "{many:?}");
        let runs: Vec<_> = (0..12).map(|task| run(&format!("past {task}"), 100)).collect();
        let beliefs = believe("new", None, &runs, &proxies(&["good", "bad", "noise"]));
        assert!(beliefs[0].weight > 0.3 && beliefs[1].weight < -0.3, "{beliefs:?}");
        // A score of which less is better says the same, turned.
        let turned = believe("new", None, &runs, &[("bad".into(), Direction::Minimise)]);
        assert!(turned[0].expected > 0.8 && turned[0].weight == 1.0, "{turned:?}");
    }

    #[test]
    fn near_tasks_count_more_and_the_task_itself_most() {
        let described = |x: f64| Some(MetaFeatures::from([("x".to_owned(), x)]));
        let past = |task: &str, x: f64, is_turned: bool| {
            let mut run = run(task, 60);
            if is_turned {
                run.objectives.iter_mut().for_each(|objective| *objective = -*objective);
            }
            ScoredRun { meta_features: described(x), ..run }
        };
        let mut runs: Vec<_> = (0..6).map(|i| past(&format!("near {i}"), f64::from(i), false)).collect();
        runs.extend((0..6).map(|i| past(&format!("far {i}"), 100.0 + f64::from(i), true)));
        let on = |task: &str, x: f64, runs: &[ScoredRun]| {
            believe(task, described(x).as_ref(), runs, &proxies(&["good"]))[0].expected
        };
        assert!(on("new", 2.0, &runs) > 0.8, "{}", on("new", 2.0, &runs));
        assert!(on("new", 103.0, &runs) < -0.5, "{}", on("new", 103.0, &runs));
        runs.push(past("new", 2.0, true));
        assert!(on("new", 2.0, &runs) < -0.9, "{}", on("new", 2.0, &runs));
    }

    /// Each run's correlation says what its own trials say, less three.
    #[test]
    fn many_short_runs_are_believed_less_than_a_long_one() {
        let error = |runs: &[ScoredRun]| believe("new", None, runs, &proxies(&["noise"]))[0].error;
        let short: Vec<_> = (0..10).map(|_| run("past", 4)).collect();
        assert!(
            error(&short) > error(&[run("past", 40)]) + 0.01,
            "{} {}",
            error(&short),
            error(&[run("past", 40)])
        );
    }

    #[test]
    fn proxies_that_say_the_same_share_a_vote() {
        let twin = |mut run: ScoredRun| {
            run.scores.insert("twin".into(), run.scores["good"].clone());
            // Between the right order and none: as good as half of the twins.
            let mixed = run.scores["good"].iter().zip(&run.scores["noise"]).map(|(a, b)| a + 100.0 * b);
            run.scores.insert("other".into(), mixed.collect());
            run
        };
        let runs: Vec<_> = (0..8).map(|task| twin(run(&format!("past {task}"), 100))).collect();
        let beliefs = believe("new", None, &runs, &proxies(&["good", "twin", "other"]));
        assert!((beliefs[0].weight - beliefs[1].weight).abs() < 1e-12);
        assert!(beliefs[0].expected > beliefs[2].expected);
        let alone = believe("new", None, &runs, &proxies(&["good", "other"]));
        assert!(beliefs[0].weight < alone[0].weight, "{beliefs:?} {alone:?}");
    }
}
