//! Objectives between the minimised form that is stored and the one that people read, and an estimator's objectives
//! in the order that the run file wants.

use std::sync::Arc;

use heirloom_model::{
    CurvePoint, Estimator, EstimatorInfo, EvaluationRequest, Failure, Objective, Outcome, Reporter, TrialId,
    Verdict,
};
use serde_json::{Map, Value as Json};

/// Minimised objectives, `[n_objectives]`, by name and in the direction in which people read them.
pub(crate) fn to_json(objectives: &[Objective], values: &[f64]) -> Json {
    let named = objectives.iter().zip(values);
    named
        .map(|(objective, &value)| (objective.name.clone(), Json::from(objective.direction.turn(value))))
        .collect::<Map<_, _>>()
        .into()
}

/// An estimator whose objective number `first` stands first.
pub(crate) fn put_first(estimator: Arc<dyn Estimator>, first: usize) -> Arc<dyn Estimator> {
    if first == 0 { estimator } else { Arc::new(Reordered { inner: estimator, first }) }
}

struct Reordered {
    inner: Arc<dyn Estimator>,
    first: usize,
}

impl Estimator for Reordered {
    fn info(&self) -> EstimatorInfo {
        let mut info = self.inner.info();
        info.objectives[..=self.first].rotate_right(1);
        info
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        let reporter = ReorderedReporter { inner: reporter, first: self.first };
        let mut results = self.inner.evaluate(requests, &reporter);
        for outcome in results.iter_mut().flatten() {
            move_first(&mut outcome.objectives, self.first);
            outcome.curve.iter_mut().for_each(|point| move_first(&mut point.objectives, self.first));
        }
        results
    }
}

struct ReorderedReporter<'a> {
    inner: &'a dyn Reporter,
    first: usize,
}

impl Reporter for ReorderedReporter<'_> {
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict {
        let mut point = point.clone();
        move_first(&mut point.objectives, self.first);
        self.inner.report(trial, &point)
    }

    fn cancelled(&self) -> bool {
        self.inner.cancelled()
    }
}

fn move_first(values: &mut [f64], first: usize) {
    if let Some(values) = values.get_mut(..=first) {
        values.rotate_right(1);
    }
}
