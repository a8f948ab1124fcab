//! The same search many times: over seeds and strategies, cold and warm, without an archive to write to.

use heirloom_config::ComponentConfig;
use heirloom_engine::{ProxyFilter, StopSignal, Vote};
use heirloom_model::{Event, RecordError, Recorder};
use heirloom_warm_start::Knowledge;
use rayon::prelude::*;
use serde::Serialize;

use crate::failure::Failure;
use crate::files::Passing;
use crate::incumbent::{Follower, Incumbent};
use crate::job::{Job, Passage};
use crate::past;
use crate::reasons::Reasons;

/// One strategy with one kind of start: the incumbent at checkpoints over seeds.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) strategy: String,
    /// `cold` or `warm`.
    pub(crate) start: &'static str,
    /// `[n_checkpoints]`, in the direction in which people read the objective.
    pub(crate) mean: Vec<f64>,
    /// Standard error of `mean`, `[n_checkpoints]`.
    pub(crate) standard_error: Vec<f64>,
    /// The incumbent after each trial, `[n_seeds, n_trials]`, as above.
    #[serde(skip)]
    pub(crate) curves: Vec<Vec<f64>>,
}

/// What is repeated.
pub(crate) struct Plan<'a> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) filters: Vec<ProxyFilter>,
    pub(crate) vote: Option<Vote>,
    pub(crate) n_seeds: u64,
    pub(crate) first_seed: u64,
    /// After how many trials the incumbent is looked at, ascending.
    pub(crate) checkpoints: Vec<usize>,
    /// The metric of the incumbent that is reported; `None`: the objective.
    pub(crate) metric: Option<String>,
    /// Where the trials' files are while their run lasts.
    pub(crate) files: Passing,
}

impl Plan<'_> {
    /// Runs every seed with one strategy and, where `knowledge` is given, a warm start.
    pub(crate) fn line(
        &self,
        strategy: &ComponentConfig,
        knowledge: Option<&Knowledge>,
        done: &(dyn Fn() + Sync),
    ) -> miette::Result<Line> {
        let seeds: Vec<u64> = (self.first_seed..self.first_seed + self.n_seeds).collect();
        let runs: Vec<(Vec<f64>, Reasons)> = seeds
            .into_par_iter()
            .map(|seed| {
                let run = self.curve(seed, strategy, knowledge);
                done();
                run
            })
            .collect::<miette::Result<_>>()?;
        let (curves, reasons): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
        let mut failures = Reasons::default();
        reasons.into_iter().for_each(|reasons| failures.merge(reasons));
        let at =
            |checkpoint: usize| -> Vec<f64> { curves.iter().map(|curve| curve[checkpoint - 1]).collect() };
        let (mean, standard_error) =
            self.checkpoints.iter().map(|&checkpoint| mean_and_error(&at(checkpoint))).unzip();
        let start = if knowledge.is_some() { "warm" } else { "cold" };
        if let Some(reason) = failures.commonest() {
            tracing::warn!(
                "{} {start}: {} trials failed, {} of them so: {reason}",
                strategy.name,
                failures.n_failed(),
                reason.n_trials
            );
        }
        Ok(Line { strategy: strategy.name.clone(), start, mean, standard_error, curves })
    }

    /// The incumbent after each of the run's trials, `[n_trials]`; the last one stands for trials that a strategy
    /// with nothing left did not make. And why trials failed.
    fn curve(
        &self,
        seed: u64,
        strategy: &ComponentConfig,
        knowledge: Option<&Knowledge>,
    ) -> miette::Result<(Vec<f64>, Reasons)> {
        let (mut follower, mut curve, mut reasons) = (Follower::default(), Vec::new(), Reasons::default());
        let files = self.files.folder(&seed.to_string());
        let end = self.job.run(Passage {
            seed,
            strategy,
            filters: self.filters.clone(),
            vote: self.vote.clone(),
            warm_start: knowledge.map(past::make).transpose()?,
            recorder: Box::new(Forget),
            history: Box::new(std::iter::empty()),
            elapsed_seconds: 0.0,
            files: files.path().to_owned(),
            observer: Box::new(|event| {
                if let Event::Finished { result: Err(failure), .. } = event {
                    reasons.add(failure);
                }
                if follower.observe(event).is_some() {
                    curve.push(follower.best().map_or(f64::NAN, |best| self.value(best)));
                }
            }),
            stop: StopSignal::default(),
        })?;
        if let heirloom_engine::EndReason::ComponentFailed { error } = end.reason {
            return Err(Failure::new(error).into());
        }
        let n_trials = self.checkpoints.last().copied().unwrap_or(0);
        let last = curve.last().copied().unwrap_or(f64::NAN);
        curve.resize(n_trials, last);
        Ok((curve, reasons))
    }

    /// What is reported of a trial, in the direction in which people read it.
    fn value(&self, incumbent: &Incumbent) -> f64 {
        match &self.metric {
            Some(metric) => incumbent.metrics.get(metric).copied().unwrap_or(f64::NAN),
            None => self.job.objective().direction.turn(incumbent.objective),
        }
    }
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
    fn the_standard_error_is_that_of_the_sample() {
        let (mean, error) = mean_and_error(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        // Sample variance 5/3, over 4.
        assert!((error - (5.0f64 / 12.0).sqrt()).abs() < 1e-12);
        assert!(mean_and_error(&[1.0]).1.is_nan());
    }
}
