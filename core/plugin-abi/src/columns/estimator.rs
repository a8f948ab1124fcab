//! An estimator's columns, to and from the model's types.

use heirloom_model::{CurvePoint, EvaluationRequest, Failure, FailureKind, Limits, Outcome, Seed};

use super::rows::{NONE, Rows, check_lengths, from_optional, get, range, to_optional};
use super::{Outcomes, Requests, Result, Texts, Trials};

impl Requests {
    /// The columns of requests.
    pub fn from_model(requests: &[EvaluationRequest]) -> Result<Self> {
        let mut folders = Texts::default();
        requests.iter().for_each(|r| folders.push_path(r.folder.as_deref()));
        Ok(Self {
            trials: Trials::from_model(requests, |r| (r.trial, &r.configuration, &r.fidelity))?,
            attempts: requests.iter().map(|r| u64::from(r.attempt)).collect(),
            parents: requests.iter().map(|r| from_optional(r.parent)).collect(),
            continues: requests.iter().map(|r| from_optional(r.continues)).collect(),
            seeds: requests.iter().flat_map(|r| r.seed.0).collect(),
            seconds: requests.iter().map(|r| r.limits.seconds.unwrap_or(f64::NAN)).collect(),
            memory: requests.iter().map(|r| r.limits.memory_bytes.unwrap_or(NONE)).collect(),
            threads: requests.iter().map(|r| r.threads as u64).collect(),
            folders,
        })
    }

    /// The requests.
    pub fn to_model(&self) -> Result<Vec<EvaluationRequest>> {
        let Self { trials, attempts, parents, continues, seeds, seconds, memory, threads, folders } = self;
        let (seeds, _) = seeds.as_chunks::<32>();
        let n = trials.ids.len();
        check_lengths(n, &[attempts.len(), parents.len(), continues.len(), seeds.len()])?;
        check_lengths(n, &[seconds.len(), memory.len(), threads.len(), folders.ends.len()])?;
        let folders: Vec<_> = (0..n).map(|index| folders.path(index)).collect::<Result<_>>()?;
        trials.to_model(|index, trial, configuration, fidelity| EvaluationRequest {
            trial,
            attempt: u32::try_from(attempts[index]).unwrap_or(u32::MAX),
            configuration,
            fidelity,
            parent: to_optional(parents[index]),
            continues: to_optional(continues[index]),
            seed: Seed(seeds[index]),
            limits: Limits {
                seconds: Some(seconds[index]).filter(|seconds| !seconds.is_nan()),
                memory_bytes: Some(memory[index]).filter(|&bytes| bytes != NONE),
            },
            threads: threads[index] as usize,
            folder: folders[index].clone(),
        })
    }
}

impl Outcomes {
    /// The columns of results. A result whose objectives are not as many as the first one's is a failure.
    pub fn from_model(results: &[std::result::Result<Outcome, Failure>]) -> Self {
        let width =
            results.iter().find_map(|r| r.as_ref().ok()).map_or(0, |outcome| outcome.objectives.len());
        let mut columns = Self::default();
        for result in results {
            match result {
                Ok(outcome) if outcome.objectives.len() == width => columns.push_outcome(outcome, width),
                Ok(outcome) => {
                    let n = outcome.objectives.len();
                    let message = format!("the estimator gave {n} objectives here and {width} elsewhere");
                    columns.push_failure(&Failure::new(FailureKind::Crashed, message), width);
                }
                Err(failure) => columns.push_failure(failure, width),
            }
        }
        columns
    }

    fn push_outcome(&mut self, outcome: &Outcome, width: usize) {
        self.failures.push(0);
        self.messages.push("");
        self.objectives.extend_from_slice(&outcome.objectives);
        self.costs.push(outcome.cost_seconds);
        self.stopped.push(u8::from(outcome.stopped));
        for point in outcome.curve.iter().filter(|point| point.objectives.len() == width) {
            self.curve_steps.push(point.step);
            self.curve_objectives.extend_from_slice(&point.objectives);
            self.curve_costs.push(point.cost_seconds);
        }
        self.curve_ends.push(self.curve_steps.len() as u64);
        for (name, value) in &outcome.metrics {
            self.metric_names.push(name);
            self.metric_values.push(*value);
        }
        self.metric_ends.push(self.metric_values.len() as u64);
    }

    fn push_failure(&mut self, failure: &Failure, width: usize) {
        self.failures.push(failure.kind.code());
        self.messages.push(&failure.message);
        self.objectives.extend(std::iter::repeat_n(f64::NAN, width));
        self.costs.push(failure.cost_seconds);
        self.stopped.push(0);
        self.curve_ends.push(self.curve_steps.len() as u64);
        self.metric_ends.push(self.metric_values.len() as u64);
    }

    /// The results.
    pub fn to_model(&self) -> Result<Vec<std::result::Result<Outcome, Failure>>> {
        let objectives = Rows::new(&self.objectives, self.failures.len())?;
        let curve_objectives = Rows::new(&self.curve_objectives, self.curve_steps.len())?;
        let row = |index: usize| {
            let cost_seconds = get(&self.costs, index)?;
            if let Some(kind) = FailureKind::from_code(self.failures[index]) {
                return Ok(Err(Failure { kind, message: self.messages.get(index)?, cost_seconds }));
            }
            let point = |point: usize| {
                Ok(CurvePoint {
                    step: get(&self.curve_steps, point)?,
                    objectives: curve_objectives.row(point).to_vec(),
                    cost_seconds: get(&self.curve_costs, point)?,
                })
            };
            let metric =
                |metric: usize| Ok((self.metric_names.get(metric)?, get(&self.metric_values, metric)?));
            Ok(Ok(Outcome {
                objectives: objectives.row(index).to_vec(),
                cost_seconds,
                curve: range(&self.curve_ends, index)?.map(point).collect::<Result<_>>()?,
                metrics: range(&self.metric_ends, index)?.map(metric).collect::<Result<_>>()?,
                stopped: get(&self.stopped, index)? != 0,
            }))
        };
        (0..self.failures.len()).map(row).collect()
    }
}
