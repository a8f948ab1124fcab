//! What every estimator must keep to.

use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use heirloom_model::{
    ComponentError, Configuration, CurvePoint, Estimator, EstimatorInfo, EvaluationRequest, Failure,
    FailureKind, Fidelity, Outcome, Reporter, TrialId, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::session::failed;
use crate::{Subject, Suite, Trouble};

/// How long an evaluation may go on after it was cancelled. A step of a training is within it.
const MAX_CANCEL_SECONDS: f64 = 2.0;

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
    /// Cancellation is obeyed soon.
    CancelLatency,
    /// Failures say what happened.
    FailureKinds,
    /// Wrong input is a failed trial.
    Rejects,
    /// Trials it never saw.
    Relatives,
    /// Calls may overlap.
    Parallel,
    /// A batch is many single requests.
    Batch,
    /// Same request, same result.
    Deterministic,
}

impl EstimatorCheck {
    /// All checks, in the order in which they are made.
    pub const ALL: [Self; 13] = [
        Self::Info,
        Self::Count,
        Self::Finite,
        Self::CurveOrder,
        Self::Stop,
        Self::Cancel,
        Self::CancelLatency,
        Self::FailureKinds,
        Self::Rejects,
        Self::Relatives,
        Self::Parallel,
        Self::Batch,
        Self::Deterministic,
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
            Self::CancelLatency => "cancel-latency",
            Self::FailureKinds => "failure-kinds",
            Self::Rejects => "rejects",
            Self::Relatives => "relatives",
            Self::Parallel => "parallel",
            Self::Batch => "batch",
            Self::Deterministic => "deterministic",
        }
    }

    /// What the check demands.
    pub fn demand(self) -> &'static str {
        match self {
            Self::Info => {
                "at least one objective, names that differ, fidelity ranges that are finite and not reversed, levels that ascend"
            }
            Self::Count => "one result for each request, and none for no requests",
            Self::Finite => {
                "an outcome has one finite number an objective, here and along its curve, and a cost of 0 or more; whatever else happened is a failure"
            }
            Self::CurveOrder => "the steps of a curve ascend, in the outcome and as they are reported",
            Self::Stop => {
                "an evaluation that is told to stop at its first point ends there, with an outcome marked as stopped"
            }
            Self::Cancel => {
                "a cancelled evaluation gives an outcome or the failure `cancelled`, no other failure"
            }
            Self::CancelLatency => "an evaluation that is cancelled in its middle ends within two seconds",
            Self::FailureKinds => {
                "a failure has a message and a cost of 0 or more; it is `cancelled` when the run ends alone, and never `filtered`, which proxies do"
            }
            Self::Rejects => "a configuration of the wrong length is a failed trial, not a panic or a number",
            Self::Relatives => {
                "a request that inherits from or continues a trial whose files are not there gives a result or a failure, not a panic"
            }
            Self::Parallel => "four threads at once are all served",
            Self::Batch => {
                "requests that are evaluated together give what each gives alone, where the estimator is declared deterministic"
            }
            Self::Deterministic => {
                "the same request gives the same result again and in a fresh instance, where that is declared"
            }
        }
    }
}

/// An estimator under check: how it is made, and what it is asked to evaluate.
#[derive(Debug, Clone)]
pub struct EstimatorSubject<F> {
    pub(crate) make: F,
    pub(crate) requests: Vec<EvaluationRequest>,
    pub(crate) repeatable: bool,
}

impl<F> Suite<EstimatorSubject<F>> {
    /// Declares that the same request gives the same result again on this machine, as `determinism` in `plugin.toml`
    /// does.
    #[must_use]
    pub fn repeatable(mut self, repeatable: bool) -> Self {
        self.0.repeatable = repeatable;
        self
    }
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
            EstimatorCheck::CancelLatency => bench.cancel_latency(),
            EstimatorCheck::FailureKinds => bench.failure_kinds(),
            EstimatorCheck::Rejects => bench.rejects(),
            EstimatorCheck::Relatives => bench.relatives(),
            EstimatorCheck::Parallel => bench.parallel(),
            EstimatorCheck::Batch | EstimatorCheck::Deterministic if !self.repeatable => {
                Err(Trouble::Skipped("it is not declared to give the same results again".into()))
            }
            EstimatorCheck::Batch => bench.batch(),
            EstimatorCheck::Deterministic => {
                let second =
                    (self.make)().map_err(|error| Trouble::from_error("making a second one", &error))?;
                bench.deterministic(second.as_ref())
            }
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

/// Lets the evaluation begin and then cancels it.
#[derive(Default)]
struct Canceller {
    first_call: OnceLock<Instant>,
}

impl Reporter for Canceller {
    fn report(&self, _: TrialId, _: &CurvePoint) -> Verdict {
        self.first_call.get_or_init(Instant::now);
        Verdict::Continue
    }

    fn cancelled(&self) -> bool {
        let begun = self.first_call.get().is_some();
        self.first_call.get_or_init(Instant::now);
        begun
    }
}

/// In what two results of one request differ; what they cost may.
pub(crate) fn difference(a: &Evaluation, b: &Evaluation) -> Option<String> {
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    match (a, b) {
        (Err(a), Err(b)) if a.kind == b.kind => None,
        (Ok(a), Ok(b)) if bits(&a.objectives) != bits(&b.objectives) => {
            Some(format!("{:?} and {:?}", a.objectives, b.objectives))
        }
        (Ok(a), Ok(b)) if a.stopped != b.stopped || a.curve.len() != b.curve.len() => {
            Some(format!("curves of {} and {} points", a.curve.len(), b.curve.len()))
        }
        (Ok(a), Ok(b)) => {
            let mut pairs = a.curve.iter().zip(&b.curve);
            let (a, b) = pairs.find(|(a, b)| bits(&a.objectives) != bits(&b.objectives))?;
            Some(format!("at step {}, {:?} and {:?}", a.step, a.objectives, b.objectives))
        }
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Some(format!("one failed: {failure}")),
        (Err(a), Err(b)) => Some(format!("`{a}` and `{b}`")),
    }
}

pub(crate) type Evaluation = Result<Outcome, Failure>;

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

    fn cancel_latency(&self) -> Result<(), Trouble> {
        let canceller = Canceller::default();
        let start = Instant::now();
        let results = self.estimator.evaluate(&self.requests[..1], &canceller);
        let Some(cancelled) = canceller.first_call.get() else {
            return Err(Trouble::Skipped(format!(
                "it neither reports nor asks whether to go on; it took {:.1} s",
                start.elapsed().as_secs_f64()
            )));
        };
        let seconds = cancelled.elapsed().as_secs_f64();
        if seconds > MAX_CANCEL_SECONDS {
            return failed(format!(
                "it ended {seconds:.1} s after it was cancelled; hint: ask `reporter.cancelled()` at every step"
            ));
        }
        drop(results);
        Ok(())
    }

    fn failure_kinds(&self) -> Result<(), Trouble> {
        let mut requests = self.requests.to_vec();
        let mut values = requests[0].configuration.values().to_vec();
        values.pop();
        requests.push(EvaluationRequest { configuration: Configuration::new(values), ..requests[0].clone() });
        requests.push(EvaluationRequest { fidelity: Fidelity(vec![-1.0; 9]), ..requests[0].clone() });
        for request in &requests {
            let results =
                self.evaluate(std::slice::from_ref(request), &Listener::new(Verdict::Continue, false))?;
            let Err(failure) = &results[0] else { continue };
            if matches!(failure.kind, FailureKind::Cancelled | FailureKind::Filtered) {
                return failed(format!("an evaluation that nobody ended failed as `{failure}`"));
            }
            if failure.message.trim().is_empty() {
                return failed(format!("the failure `{}` has no message", failure.kind));
            }
            if !(failure.cost_seconds.is_finite() && failure.cost_seconds >= 0.0) {
                return failed(format!("the failure `{failure}` has the cost {}", failure.cost_seconds));
            }
        }
        Ok(())
    }

    fn relatives(&self) -> Result<(), Trouble> {
        let unknown = Some(TrialId(u64::MAX - 1));
        let request = &self.requests[0];
        for (parent, continues) in [(unknown, None), (None, unknown), (unknown, unknown)] {
            let request = EvaluationRequest { parent, continues, attempt: 2, ..request.clone() };
            let results = self.evaluate(&[request], &Listener::new(Verdict::Continue, false))?;
            // A program that it runs may well end with an error; a panic is a host's word for it.
            if let Err(failure) = &results[0]
                && failure.kind == FailureKind::Crashed
                && failure.message.contains("panicked")
            {
                return failed(format!("with a trial that it never saw it crashed: {}", failure.message));
            }
        }
        Ok(())
    }

    fn batch(&self) -> Result<(), Trouble> {
        let together = self.results(self.estimator)?;
        for (place, request) in self.requests.iter().enumerate() {
            let alone =
                self.evaluate(std::slice::from_ref(request), &Listener::new(Verdict::Continue, false))?;
            if let Some(what) = difference(&together[place], &alone[0]) {
                return failed(format!("request {place}, in a batch and alone: {what}"));
            }
        }
        Ok(())
    }

    fn deterministic(&self, second: &dyn Estimator) -> Result<(), Trouble> {
        let expected = self.results(self.estimator)?;
        for (again, what) in [(self.estimator, "the second time"), (second, "in a second instance")] {
            for (place, (first, other)) in expected.iter().zip(self.results(again)?).enumerate() {
                if let Some(difference) = difference(first, &other) {
                    return failed(format!(
                        "request {place} gave another result {what}: {difference}; hint: draw from `request.seed` \
                         alone, or declare another `determinism` in `plugin.toml`"
                    ));
                }
            }
        }
        Ok(())
    }

    fn results(&self, estimator: &dyn Estimator) -> Result<Vec<Evaluation>, Trouble> {
        Bench { estimator, requests: self.requests }
            .evaluate(self.requests, &Listener::new(Verdict::Continue, false))
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
        let alone = self.results(self.estimator)?;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| self.results(self.estimator))).collect();
            for thread in threads {
                let beside =
                    thread.join().map_err(|_| Trouble::Failed("a call from a thread panicked".into()))??;
                for (alone, beside) in alone.iter().zip(beside) {
                    if let (Ok(_), Err(failure)) = (alone, beside) {
                        return failed(format!("what one thread can measure, one of four cannot: {failure}"));
                    }
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
