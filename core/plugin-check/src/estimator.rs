//! What every estimator must keep to.

use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use heirloom_model::{
    ComponentError, Configuration, CurvePoint, Estimator, EvaluationRequest, Failure, FailureKind, Fidelity,
    Outcome, Reporter, TrialId, Verdict,
};

use crate::session::failed;
use crate::{Check, Subject, Suite, Trouble};

/// How long an evaluation may go on after it was cancelled. A step of a training is within it.
const MAX_CANCEL_SECONDS: f64 = 2.0;

type MakeCheck = fn(&Bench<'_>) -> Result<(), Trouble>;

/// What an estimator is checked for.
pub(crate) const CHECKS: &[Check<MakeCheck>] = &[
    Check::new(
        "info",
        "at least one objective, names that differ, fidelity ranges that are finite, not reversed and of sizes (0 or more, the full one above 0), levels that ascend",
        |bench| bench.info(),
    ),
    Check::new("count", "one result for each request, and none for no requests", |bench| bench.count()),
    Check::new(
        "finite",
        "an outcome has one finite number an objective, here and along its curve, and a cost of 0 or more; whatever else happened is a failure",
        |bench| bench.finite(),
    ),
    Check::new(
        "curve-order",
        "the steps of a curve ascend, in the outcome and as they are reported",
        |bench| bench.curve_order(),
    ),
    Check::new(
        "stop",
        "an evaluation that is told to stop at its first point ends there, with an outcome marked as stopped",
        |bench| bench.stop(),
    ),
    Check::new(
        "cancel",
        "a cancelled evaluation gives an outcome or the failure `cancelled`, no other failure",
        |bench| bench.cancel(),
    ),
    Check::new(
        "cancel-latency",
        "an evaluation that is cancelled in its middle ends within two seconds",
        |bench| bench.cancel_latency(),
    ),
    Check::new(
        "failure-kinds",
        "a failure has a message and a cost of 0 or more; it is `cancelled` when the run ends alone, and never `filtered`, which proxies do",
        |bench| bench.failure_kinds(),
    ),
    Check::new(
        "rejects",
        "a configuration of the wrong length is a failed trial, not a panic or a number",
        |bench| bench.rejects(),
    ),
    Check::new(
        "relatives",
        "a request that inherits from or continues a trial whose files are not there gives a result or a failure, not a panic",
        |bench| bench.relatives(),
    ),
    Check::new("parallel", "four threads at once are all served", |bench| bench.parallel()),
    Check::new(
        "batch",
        "requests that are evaluated together give what each gives alone, where the estimator is declared deterministic",
        |bench| bench.batch(),
    ),
    Check::new(
        "deterministic",
        "the same request gives the same result again and in a fresh instance, where that is declared",
        |bench| bench.deterministic(),
    ),
];

/// An estimator under check: how it is made, and what it is asked to evaluate.
pub struct EstimatorSubject<'a> {
    pub(crate) make: Box<dyn Fn() -> Result<Box<dyn Estimator>, ComponentError> + 'a>,
    pub(crate) requests: Vec<EvaluationRequest>,
    pub(crate) repeatable: bool,
}

impl<'a> Suite<EstimatorSubject<'a>> {
    /// Declares that the same request gives the same result again on this machine, as `determinism` in `plugin.toml`
    /// does.
    #[must_use]
    pub fn repeatable(mut self, repeatable: bool) -> Self {
        self.0.repeatable = repeatable;
        self
    }
}

impl Subject for EstimatorSubject<'_> {
    type Make = MakeCheck;
    const KIND: &'static str = "estimator";
    const CHECKS: &'static [Check<MakeCheck>] = CHECKS;

    fn make(&self, make: MakeCheck) -> Result<(), Trouble> {
        let estimator = self.estimator()?;
        if self.requests.is_empty() {
            return failed("the suite was given no request");
        }
        make(&Bench { subject: self, estimator: estimator.as_ref(), requests: &self.requests })
    }
}

impl EstimatorSubject<'_> {
    fn estimator(&self) -> Result<Box<dyn Estimator>, Trouble> {
        (self.make)().map_err(|error| Trouble::from_error("making the estimator", &error))
    }
}

/// An instance, and what it is asked.
pub struct Bench<'a> {
    subject: &'a EstimatorSubject<'a>,
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

/// One result for each request, where nobody is told to stop.
fn measure(estimator: &dyn Estimator, requests: &[EvaluationRequest]) -> Result<Vec<Evaluation>, Trouble> {
    evaluate(estimator, requests, &Listener::new(Verdict::Continue, false))
}

fn evaluate(
    estimator: &dyn Estimator,
    requests: &[EvaluationRequest],
    listener: &Listener,
) -> Result<Vec<Evaluation>, Trouble> {
    let results = estimator.evaluate(requests, listener);
    match results.len() == requests.len() {
        true => Ok(results),
        false => failed(format!("{} requests gave {} results", requests.len(), results.len())),
    }
}

impl Bench<'_> {
    fn info(&self) -> Result<(), Trouble> {
        self.estimator.info().check().or_else(failed)
    }

    fn count(&self) -> Result<(), Trouble> {
        measure(self.estimator, &[])?;
        measure(self.estimator, self.requests)?;
        measure(self.estimator, &self.requests[..1]).map(drop)
    }

    fn finite(&self) -> Result<(), Trouble> {
        let n_objectives = self.estimator.info().objectives.len();
        let results = measure(self.estimator, self.requests)?;
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
        let results = evaluate(self.estimator, self.requests, &listener)?;
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
        let results = evaluate(self.estimator, self.requests, &listener)?;
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
        let results = evaluate(self.estimator, self.requests, &Listener::new(Verdict::Continue, true))?;
        let undisturbed = measure(self.estimator, self.requests)?;
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
            let results = measure(self.estimator, std::slice::from_ref(request))?;
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
            let results = measure(self.estimator, &[request])?;
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
        self.repeatable()?;
        let together = measure(self.estimator, self.requests)?;
        for (place, request) in self.requests.iter().enumerate() {
            let alone = measure(self.estimator, std::slice::from_ref(request))?;
            if let Some(what) = difference(&together[place], &alone[0]) {
                return failed(format!("request {place}, in a batch and alone: {what}"));
            }
        }
        Ok(())
    }

    fn deterministic(&self) -> Result<(), Trouble> {
        self.repeatable()?;
        let expected = measure(self.estimator, self.requests)?;
        let second = self.subject.estimator()?;
        for (again, what) in [(self.estimator, "the second time"), (second.as_ref(), "in a second instance")]
        {
            for (place, (first, other)) in expected.iter().zip(measure(again, self.requests)?).enumerate() {
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

    fn repeatable(&self) -> Result<(), Trouble> {
        match self.subject.repeatable {
            true => Ok(()),
            false => Err(Trouble::Skipped("it is not declared to give the same results again".into())),
        }
    }

    fn rejects(&self) -> Result<(), Trouble> {
        let mut request = self.requests[0].clone();
        let mut values = request.configuration.values().to_vec();
        values.extend([0.5; 7]);
        request.configuration = Configuration::new(values);
        let results = measure(self.estimator, &[request])?;
        match &results[0] {
            Err(_) => Ok(()),
            Ok(outcome) => {
                failed(format!("a configuration of a wrong length was measured as {:?}", outcome.objectives))
            }
        }
    }

    fn parallel(&self) -> Result<(), Trouble> {
        let (estimator, requests) = (self.estimator, self.requests);
        let alone = measure(estimator, requests)?;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| measure(estimator, requests))).collect();
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
