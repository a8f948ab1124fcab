//! What every estimator must keep to.

use std::sync::Mutex;

use heirloom_model::{
    ComponentError, Configuration, CurvePoint, Estimator, EstimatorInfo, EvaluationRequest, Failure,
    FailureKind, Outcome, Reporter, TrialId, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::session::failed;
use crate::{Subject, Trouble};

/// What an estimator is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EstimatorCheck {
    /// It says what it measures.
    Info,
    /// One result a request.
    Count,
    /// Numbers are numbers.
    Finite,
    /// Curves go forward.
    CurveOrder,
    /// A verdict of `Stop` is obeyed.
    Stop,
    /// Cancellation is obeyed.
    Cancel,
    /// Wrong input is a failed trial.
    Rejects,
    /// Calls may overlap.
    Parallel,
}

impl EstimatorCheck {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 8] = [
        Self::Info,
        Self::Count,
        Self::Finite,
        Self::CurveOrder,
        Self::Stop,
        Self::Cancel,
        Self::Rejects,
        Self::Parallel,
    ];

    /// The check's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Count => "count",
            Self::Finite => "finite",
            Self::CurveOrder => "curve-order",
            Self::Stop => "stop",
            Self::Cancel => "cancel",
            Self::Rejects => "rejects",
            Self::Parallel => "parallel",
        }
    }

    /// What the check demands.
    pub fn demand(self) -> &'static str {
        match self {
            Self::Info => {
                "at least one objective, names that differ, fidelity ranges that are finite and not reversed, levels \
                 that ascend"
            }
            Self::Count => "one result for each request, and none for no requests",
            Self::Finite => {
                "an outcome has one finite number an objective, here and along its curve, and a cost of 0 or more; \
                 whatever else happened is a failure"
            }
            Self::CurveOrder => "the steps of a curve ascend, in the outcome and as they are reported",
            Self::Stop => {
                "an evaluation that is told to stop at its first point ends there, with an outcome marked as stopped"
            }
            Self::Cancel => {
                "a cancelled evaluation gives an outcome or the failure `cancelled`, no other failure"
            }
            Self::Rejects => "a configuration of the wrong length is a failed trial, not a panic or a number",
            Self::Parallel => "four threads at once are all served",
        }
    }
}

/// An estimator under check: how it is made, and what it is asked to evaluate.
#[derive(Debug, Clone)]
pub struct EstimatorSubject<F> {
    pub(crate) make: F,
    pub(crate) requests: Vec<EvaluationRequest>,
}

impl<F> Subject for EstimatorSubject<F>
where
    F: Fn() -> Result<Box<dyn Estimator>, ComponentError>,
{
    type Check = EstimatorCheck;
    const CHECKS: &'static [EstimatorCheck] = &EstimatorCheck::ALL;

    fn describe(check: EstimatorCheck) -> (String, &'static str) {
        (format!("estimator/{}", check.name()), check.demand())
    }

    fn make(&self, check: EstimatorCheck) -> Result<(), Trouble> {
        let estimator = (self.make)().map_err(|error| Trouble::from_error("making the estimator", &error))?;
        if self.requests.is_empty() {
            return failed("the suite was given no request");
        }
        let bench = Bench { estimator: estimator.as_ref(), requests: &self.requests };
        match check {
            EstimatorCheck::Info => bench.info(),
            EstimatorCheck::Count => bench.count(),
            EstimatorCheck::Finite => bench.finite(),
            EstimatorCheck::CurveOrder => bench.curve_order(),
            EstimatorCheck::Stop => bench.stop(),
            EstimatorCheck::Cancel => bench.cancel(),
            EstimatorCheck::Rejects => bench.rejects(),
            EstimatorCheck::Parallel => bench.parallel(),
        }
    }
}

struct Bench<'a> {
    estimator: &'a dyn Estimator,
    requests: &'a [EvaluationRequest],
}

/// Gives one verdict always and keeps what was reported.
struct Listener {
    verdict: Verdict,
    cancelled: bool,
    reported: Mutex<Vec<(TrialId, CurvePoint)>>,
}

impl Listener {
    fn new(verdict: Verdict, cancelled: bool) -> Self {
        Self { verdict, cancelled, reported: Mutex::new(Vec::new()) }
    }

    fn curve_of(&self, trial: TrialId) -> Vec<CurvePoint> {
        let reported = self.reported.lock().expect("no holder of this lock panics");
        reported.iter().filter(|(id, _)| *id == trial).map(|(_, point)| point.clone()).collect()
    }
}

impl Reporter for Listener {
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict {
        self.reported.lock().expect("no holder of this lock panics").push((trial, point.clone()));
        self.verdict
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

type Evaluation = Result<Outcome, Failure>;

impl Bench<'_> {
    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        listener: &Listener,
    ) -> Result<Vec<Evaluation>, Trouble> {
        let results = self.estimator.evaluate(requests, listener);
        if results.len() != requests.len() {
            return Err(Trouble::Failed(format!(
                "{} requests gave {} results",
                requests.len(),
                results.len()
            )));
        }
        Ok(results)
    }

    fn info(&self) -> Result<(), Trouble> {
        let EstimatorInfo { objectives, fidelities, .. } = self.estimator.info();
        if objectives.is_empty() {
            return failed("it has no objective");
        }
        let mut names: Vec<_> = objectives.iter().map(|objective| &objective.name).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return failed(format!("two objectives are named `{}`", twice[0]));
        }
        for dimension in fidelities {
            let (low, high) = (dimension.low, dimension.high);
            if !(low.is_finite() && high.is_finite() && low <= high) {
                return failed(format!("`{}` goes from {low} to {high}", dimension.name));
            }
            if !dimension.levels.is_sorted() {
                return failed(format!("the levels of `{}` do not ascend", dimension.name));
            }
        }
        Ok(())
    }

    fn count(&self) -> Result<(), Trouble> {
        let listener = Listener::new(Verdict::Continue, false);
        self.evaluate(&[], &listener)?;
        self.evaluate(self.requests, &listener)?;
        self.evaluate(&self.requests[..1], &listener)?;
        Ok(())
    }

    fn finite(&self) -> Result<(), Trouble> {
        let n_objectives = self.estimator.info().objectives.len();
        let results = self.evaluate(self.requests, &Listener::new(Verdict::Continue, false))?;
        for outcome in results.iter().flatten() {
            let curve = outcome.curve.iter().map(|point| (&point.objectives, point.cost_seconds));
            for (objectives, cost) in curve.chain([(&outcome.objectives, outcome.cost_seconds)]) {
                if objectives.len() != n_objectives || !objectives.iter().all(|value| value.is_finite()) {
                    return failed(format!(
                        "an outcome has the objectives {objectives:?}, not {n_objectives} finite numbers; hint: give the \
                         failure `diverged`"
                    ));
                }
                if !(cost.is_finite() && cost >= 0.0) {
                    return failed(format!("an outcome has the cost {cost}"));
                }
            }
        }
        match results.into_iter().find_map(Result::ok) {
            Some(_) => Ok(()),
            None => Err(Trouble::Skipped("every request failed".into())),
        }
    }

    fn curve_order(&self) -> Result<(), Trouble> {
        let listener = Listener::new(Verdict::Continue, false);
        let results = self.evaluate(self.requests, &listener)?;
        let mut n_points = 0;
        for (request, result) in self.requests.iter().zip(results) {
            let in_outcome = result.map(|outcome| outcome.curve).unwrap_or_default();
            for curve in [in_outcome, listener.curve_of(request.trial)] {
                n_points += curve.len();
                if let Some(pair) = curve.windows(2).find(|pair| pair[1].step <= pair[0].step) {
                    return failed(format!("step {} comes after step {}", pair[1].step, pair[0].step));
                }
            }
        }
        if n_points == 0 { Err(Trouble::Skipped("there are no curves".into())) } else { Ok(()) }
    }

    fn stop(&self) -> Result<(), Trouble> {
        let listener = Listener::new(Verdict::Stop, false);
        let results = self.evaluate(self.requests, &listener)?;
        let mut n_stopped = 0;
        for (request, result) in self.requests.iter().zip(results) {
            let n_reported = listener.curve_of(request.trial).len();
            let Ok(outcome) = result else { continue };
            if n_reported > 1 {
                return failed(format!("{n_reported} points were reported after a verdict of `Stop`"));
            }
            if n_reported == 1 && !outcome.stopped && outcome.curve.len() > 1 {
                return failed("an evaluation went on after a verdict of `Stop`");
            }
            n_stopped += n_reported;
        }
        if n_stopped == 0 { Err(Trouble::Skipped("no point was reported".into())) } else { Ok(()) }
    }

    fn cancel(&self) -> Result<(), Trouble> {
        let results = self.evaluate(self.requests, &Listener::new(Verdict::Continue, true))?;
        let undisturbed = self.evaluate(self.requests, &Listener::new(Verdict::Continue, false))?;
        for (cancelled, undisturbed) in results.into_iter().zip(undisturbed) {
            let Err(failure) = cancelled else { continue };
            let always = undisturbed.is_err_and(|usual| usual.kind == failure.kind);
            if failure.kind != FailureKind::Cancelled && !always {
                return failed(format!("a cancelled evaluation ended with the failure `{failure}`"));
            }
        }
        Ok(())
    }

    fn rejects(&self) -> Result<(), Trouble> {
        let mut request = self.requests[0].clone();
        let mut values = request.configuration.values().to_vec();
        values.extend([0.5; 7]);
        request.configuration = Configuration::new(values);
        let results = self.evaluate(&[request], &Listener::new(Verdict::Continue, false))?;
        match &results[0] {
            Err(_) => Ok(()),
            Ok(outcome) => {
                failed(format!("a configuration of a wrong length was measured as {:?}", outcome.objectives))
            }
        }
    }

    fn parallel(&self) -> Result<(), Trouble> {
        let listener = Listener::new(Verdict::Continue, false);
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| self.evaluate(self.requests, &listener))).collect();
            for thread in threads {
                thread.join().map_err(|_| Trouble::Failed("a call from a thread panicked".into()))??;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
