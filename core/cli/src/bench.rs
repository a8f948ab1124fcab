//! The same search many times: over seeds and strategies, cold and warm, without an archive to write to.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use heirloom_config::ComponentConfig;
use heirloom_engine::{ProxyFilter, StopSignal, Vote};
use heirloom_model::{Event, RecordError, Recorder, WarmStart};
use heirloom_warm_start::{Knowledge, Transfer};
use rayon::prelude::*;
use serde::Serialize;

use crate::failure::{Failure, OrFail};
use crate::files::Passing;
use crate::incumbent::{Follower, Incumbent};
use crate::job::{Job, Passage};
use crate::past;
use crate::reasons::Reasons;

/// One strategy with one kind of start: the incumbent at checkpoints over seeds.
#[derive(Debug, Serialize)]
pub(crate) struct Incumbents {
    pub(crate) strategy: String,
    /// `cold` or `warm`.
    pub(crate) start: &'static str,
    /// `[n_checkpoints]`, in the direction in which people read the objective; NaN where a seed had none yet.
    pub(crate) mean: Vec<f64>,
    /// Standard error of `mean`, `[n_checkpoints]`.
    pub(crate) standard_error: Vec<f64>,
}

/// The same after so many trials, and all that is known of its runs.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    pub(crate) incumbents: Incumbents,
    /// The incumbent after each trial, `[n_seeds, n_trials]`, as above.
    #[serde(skip)]
    pub(crate) curves: Vec<Vec<f64>>,
    /// What the trials had cost by then, in seconds, `[n_seeds, at most n_trials]`.
    #[serde(skip)]
    pub(crate) spent: Vec<Vec<f64>>,
}

/// The lines at the same cost: a trial may be a small evaluation in one and a full one in another.
#[derive(Debug, Serialize)]
pub(crate) struct EqualCost {
    /// Seconds of evaluation, ascending in equal ratios, `[at most 4]`: up to where the cheapest of all runs ended, from
    /// an eighth of that or from where every run had a result.
    pub(crate) seconds: Vec<f64>,
    pub(crate) lines: Vec<Incumbents>,
}

impl EqualCost {
    /// `None` where no cost compares all runs: trials cost nothing, or a run had ended before another had a result.
    pub(crate) fn of(lines: &[Line]) -> Option<Self> {
        let runs = || lines.iter().flat_map(|line| line.curves.iter().zip(&line.spent));
        let end = runs().map(|(_, spent)| spent.last().copied().unwrap_or(0.0)).fold(f64::INFINITY, f64::min);
        let first_result = |(curve, spent): (&Vec<f64>, &Vec<f64>)| {
            let found = curve.iter().zip(spent).find(|(value, _)| !value.is_nan());
            found.map_or(f64::INFINITY, |(_, &spent)| spent)
        };
        let begin = runs().map(first_result).fold(end / 8.0, f64::max);
        if !(end.is_finite() && end > 0.0 && begin <= end) {
            return None;
        }
        let ratio = (end / begin).cbrt();
        let mut seconds = vec![begin, begin * ratio, begin * ratio * ratio, end];
        seconds.dedup();
        let lines = lines.iter().map(|line| line.at_cost(&seconds)).collect();
        Some(Self { seconds, lines })
    }
}

impl Line {
    fn at_cost(&self, seconds: &[f64]) -> Incumbents {
        let at = |&budget: &f64| {
            let incumbent = |(curve, spent): (&Vec<f64>, &Vec<f64>)| {
                let n_ended = spent.partition_point(|&spent| spent <= budget);
                n_ended.checked_sub(1).map_or(f64::NAN, |last| curve[last])
            };
            mean_and_error(&self.curves.iter().zip(&self.spent).map(incumbent).collect::<Vec<_>>())
        };
        let (mean, standard_error) = seconds.iter().map(at).unzip();
        Incumbents {
            strategy: self.incumbents.strategy.clone(),
            start: self.incumbents.start,
            mean,
            standard_error,
        }
    }
}

/// What is repeated.
pub(crate) struct Plan<'a> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) filters: Vec<ProxyFilter>,
    /// The vote of cold starts, which ask the archive for nothing.
    pub(crate) cold_vote: Option<Vote>,
    pub(crate) warm_vote: Option<Vote>,
    pub(crate) n_seeds: u64,
    pub(crate) first_seed: u64,
    /// After how many trials the incumbent is looked at, ascending.
    pub(crate) checkpoints: Vec<usize>,
    /// The metric of the incumbent that is reported; `None`: the objective.
    pub(crate) metric: Option<String>,
    /// Where the trials' files are while their run lasts.
    pub(crate) files: Passing,
    /// Ends all of its runs.
    pub(crate) stop: StopSignal,
    pub(crate) seen: SeenMetric,
}

/// What completed trials have told of the metric that is reported.
#[derive(Default)]
pub(crate) struct SeenMetric {
    is_known: AtomicBool,
    /// The metrics of the first trial without it.
    others: OnceLock<Vec<String>>,
}

impl Plan<'_> {
    /// Runs every seed with one strategy and, where `knowledge` is given, a warm start. An error where it is stopped.
    pub(crate) fn line(
        &self,
        strategy: &ComponentConfig,
        knowledge: Option<&Knowledge>,
        done: &(dyn Fn() + Sync),
    ) -> miette::Result<Line> {
        let of_strategy = |knowledge: &Knowledge| past::of_strategy(knowledge.clone(), self.job, strategy);
        let knowledge = knowledge.map(of_strategy).transpose()?;
        // What it learns of the past tasks is the same for every seed.
        let warm_start = knowledge.map(|knowledge| knowledge.warm_start()).transpose().or_fail()?;
        let seeds: Vec<u64> = (self.first_seed..self.first_seed + self.n_seeds).collect();
        let run = |seed| {
            let run = self.curve(seed, strategy, warm_start.as_ref());
            done();
            run
        };
        let runs: Vec<Run> = match self.job.info.simulated_cost {
            true => seeds.into_par_iter().map(run).collect::<miette::Result<_>>()?,
            // Each of these trainings is told that its search has the machine to itself.
            false => seeds.into_iter().map(run).collect::<miette::Result<_>>()?,
        };
        let (mut curves, mut spent, mut failures) = (Vec::new(), Vec::new(), Reasons::default());
        for run in runs {
            curves.push(run.curve);
            spent.push(run.spent);
            failures.merge(run.reasons);
        }
        let at =
            |checkpoint: usize| -> Vec<f64> { curves.iter().map(|curve| curve[checkpoint - 1]).collect() };
        let (mean, standard_error) =
            self.checkpoints.iter().map(|&checkpoint| mean_and_error(&at(checkpoint))).unzip();
        let start = if warm_start.is_some() { "warm" } else { "cold" };
        if let Some(reason) = failures.commonest() {
            tracing::warn!(
                "{} {start}: {} trials failed, {} of them so: {reason}",
                strategy.name,
                failures.n_failed(),
                reason.n_trials
            );
        }
        let incumbents = Incumbents { strategy: strategy.name.clone(), start, mean, standard_error };
        Ok(Line { incumbents, curves, spent })
    }

    fn curve(
        &self,
        seed: u64,
        strategy: &ComponentConfig,
        warm_start: Option<&Transfer>,
    ) -> miette::Result<Run> {
        let (mut follower, mut curve, mut reasons) = (Follower::default(), Vec::new(), Reasons::default());
        let (mut spent, mut spent_so_far) = (Vec::new(), 0.0);
        let files = self.files.folder(&seed.to_string());
        let end = self.job.run(Passage {
            seed,
            strategy,
            filters: self.filters.clone(),
            vote: if warm_start.is_some() { self.warm_vote.clone() } else { self.cold_vote.clone() },
            warm_start: warm_start.map(|warm_start| -> Box<dyn WarmStart> { Box::new(warm_start.clone()) }),
            recorder: Box::new(Forget),
            history: Box::new(std::iter::empty()),
            elapsed_seconds: 0.0,
            files: files.path().to_owned(),
            observer: Box::new(|event| {
                match event {
                    Event::Finished { result: Err(failure), .. } => reasons.add(failure),
                    Event::Finished { result: Ok(outcome), .. } => self.look_for_metric(&outcome.metrics),
                    _ => {}
                }
                if let Some(cost_seconds) = follower.observe(event) {
                    spent_so_far += cost_seconds;
                    spent.push(spent_so_far);
                    curve.push(follower.best().map_or(f64::NAN, |best| self.value(best)));
                }
            }),
            stop: self.stop.clone(),
        });
        if self.stop.stopping() {
            return Err(Failure::new("the bench was stopped").into());
        }
        let end = end.map_err(Failure::from)?;
        if let heirloom_engine::EndReason::ComponentFailed { error } = end.reason {
            return Err(Failure::new(error).into());
        }
        let n_trials = self.checkpoints.last().copied().unwrap_or(0);
        let last = curve.last().copied().unwrap_or(f64::NAN);
        curve.resize(n_trials, last);
        spent.truncate(n_trials);
        Ok(Run { curve, spent, reasons })
    }

    /// Takes a completed trial's metrics in. Where the first has not the one that is reported, it is likely misspelt, and
    /// real trainings are not gone on with. Recorded ones cost nothing, and may have gaps.
    fn look_for_metric(&self, metrics: &BTreeMap<String, f64>) {
        let Some(metric) = &self.metric else { return };
        if metrics.contains_key(metric) {
            self.seen.is_known.store(true, Ordering::Relaxed);
        } else if !self.seen.is_known.load(Ordering::Relaxed)
            && self.seen.others.set(metrics.keys().cloned().collect()).is_ok()
            && !self.job.info.simulated_cost
        {
            // Twice: what runs is cancelled too.
            self.stop.request();
            self.stop.request();
        }
    }

    /// The metric that is reported where no trial has it, and those that the first one has.
    pub(crate) fn unknown_metric(&self) -> Option<(&str, Vec<&str>)> {
        let others = self.seen.others.get().filter(|_| !self.seen.is_known.load(Ordering::Relaxed))?;
        Some((self.metric.as_deref()?, others.iter().map(String::as_str).collect()))
    }

    /// What is reported of a trial, in the direction in which people read it.
    fn value(&self, incumbent: &Incumbent) -> f64 {
        match &self.metric {
            Some(metric) => incumbent.metrics.get(metric).copied().unwrap_or(f64::NAN),
            None => self.job.objective().direction.turn(incumbent.objective),
        }
    }
}

/// One search.
struct Run {
    /// The incumbent after each of its trials, `[n_trials]`; the last one stands for trials that a strategy with nothing
    /// left did not make.
    curve: Vec<f64>,
    /// What those of them that were made had cost by then, in seconds.
    spent: Vec<f64>,
    /// Why trials failed.
    reasons: Reasons,
}

/// Keeps nothing.
struct Forget;

impl Recorder for Forget {
    fn record(&mut self, _events: &[Event]) -> Result<(), RecordError> {
        Ok(())
    }
}

/// The mean of `values`, `[n]`, and its standard error: the sample's standard deviation over √n.
pub(crate) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_equal_cost_a_dear_trial_counts_from_its_end() {
        let cold = line("cold", [0.1, 0.2, 0.3], &[[1.0, 2.0, 8.0]; 2]);
        let found = EqualCost::of(&[cold, line("warm", [0.1, 0.2, 0.3], &[[1.0, 3.0, 15.0]; 2])]).unwrap();
        assert_eq!(found.seconds, [1.0, 2.0, 4.0, 8.0]);
        assert_eq!(found.lines[0].mean, [0.1, 0.2, 0.2, 0.3]);
        assert_eq!(found.lines[1].mean, [0.1, 0.1, 0.2, 0.2]);
    }

    #[test]
    fn costs_are_compared_from_where_all_runs_have_a_result_to_where_the_first_ended() {
        let cold = line("cold", [f64::NAN, 0.2, 0.3], &[[1.0, 2.0, 16.0], [1.0, 1.0, 1000.0]]);
        let found = EqualCost::of(&[cold, line("warm", [0.4, 0.5, 0.6], &[[4.0, 8.0, 32.0]])]).unwrap();
        assert_eq!((found.seconds[0], found.seconds.len()), (4.0, 4));
        assert_eq!(found.seconds[3], 16.0, "no run had spent less by then");
        assert!(found.lines.iter().flat_map(|line| &line.mean).all(|mean| mean.is_finite()));
        // The one of two runs that has spent more by then has not ended its last trial yet.
        assert_eq!(found.lines[0].mean[3], 0.25);
        assert_eq!(found.lines[1].mean[3], 0.5);

        let one_trial = line("cold", [0.1, 0.1, 0.1], &[[5.0; 3]]);
        assert_eq!(EqualCost::of(&[one_trial]).unwrap().seconds, [5.0]);
        assert!(EqualCost::of(&[line("cold", [0.1; 3], &[[0.0; 3]])]).is_none());
        assert!(EqualCost::of(&[line("cold", [f64::NAN; 3], &[[1.0, 2.0, 3.0]])]).is_none());
        let early = line("cold", [0.1; 3], &[[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]);
        assert!(EqualCost::of(&[early]).is_none(), "one run ended before the other had anything");
    }

    /// A line whose runs have the same curve, each at its own costs.
    fn line(start: &'static str, curve: [f64; 3], spent: &[[f64; 3]]) -> Line {
        let (mean, standard_error) = (Vec::new(), Vec::new());
        Line {
            incumbents: Incumbents { strategy: "asha".into(), start, mean, standard_error },
            curves: spent.iter().map(|_| curve.to_vec()).collect(),
            spent: spent.iter().map(|spent| spent.to_vec()).collect(),
        }
    }

    #[test]
    fn the_standard_error_is_that_of_the_sample() {
        let (mean, error) = mean_and_error(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        // Sample variance 5/3, over 4.
        assert!((error - (5.0f64 / 12.0).sqrt()).abs() < 1e-12);
        assert!(mean_and_error(&[1.0]).1.is_nan());
    }
}
