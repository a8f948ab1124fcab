//! Components as the host hands them out: every error says who, and what comes back is looked at.
//!
//! An objective that is not finite is a failed trial, and what cannot be attributed to one trial, such as too many
//! answers, is an error. A trial with a point of a curve that cannot be kept is stopped there, and fails. Whether a
//! proposal is a point of the space is for the engine to see, and not looked at twice.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use heirloom_model::{
    AskRequest, ComponentError, Configuration, CurvePoint, CurveReport, Estimator, EstimatorInfo,
    EvaluationRequest, Failure, FailureKind, Observation, Outcome, PriorKnowledge, Proposal, Proxy,
    ProxyInfo, Reporter, Seed, Strategy, TrialId, Verdict, cost_seconds,
};

use crate::identity::{Identity, clean, clean_name};

type Result<T> = std::result::Result<T, ComponentError>;

/// A strategy whose answers are counted.
pub(crate) struct CheckedStrategy<S> {
    inner: S,
    identity: Identity,
}

impl<S: Strategy + 'static> CheckedStrategy<S> {
    pub(crate) fn boxed(inner: S, identity: Identity) -> Box<dyn Strategy> {
        Box::new(Self { inner, identity })
    }

    fn explain<T>(&self, doing: impl Display, answer: Result<T>) -> Result<T> {
        answer.map_err(|error| self.identity.explain(doing, error))
    }
}

impl<S: Strategy + 'static> Strategy for CheckedStrategy<S> {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>> {
        let answer = self.inner.ask(request).and_then(|proposals| match proposals.len() {
            n if n <= request.n => Ok(proposals),
            n => Err(ComponentError::failed(format!(
                "gave {n} proposals where {} were wanted; hint: report it to the plugin's author",
                request.n
            ))),
        });
        self.explain(format_args!("asked for trial {}", request.first_trial), answer)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<()> {
        let told = self.inner.tell(observations);
        told.map_err(|error| {
            let trials: Vec<_> = observations.iter().take(8).map(|o| o.trial.to_string()).collect();
            self.identity.explain(format_args!("told of trial {}", trials.join(", ")), error)
        })
    }

    fn judge(&mut self, report: &CurveReport) -> Result<Verdict> {
        let verdict = self.inner.judge(report);
        self.explain(format_args!("judging trial {}", report.trial), verdict)
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool> {
        let used = self.inner.inform(knowledge);
        self.explain("informed of past runs", used)
    }

    fn recommend(&self) -> Result<Option<TrialId>> {
        self.explain("asked for its recommendation", self.inner.recommend())
    }

    fn save(&self) -> Result<Option<Vec<u8>>> {
        self.explain("saving its state", self.inner.save())
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let restored = self.inner.restore(state);
        self.explain("restoring its state", restored)
    }
}

/// What stands behind an estimator: an object of a library, or a pool of worker processes.
pub(crate) trait RawEstimator: Send + Sync {
    fn try_evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Result<Vec<std::result::Result<Outcome, Failure>>>;
}

/// An estimator whose answers are checked.
pub(crate) struct CheckedEstimator {
    pub(crate) inner: Box<dyn RawEstimator>,
    pub(crate) identity: Identity,
    pub(crate) info: EstimatorInfo,
    /// Hands on what the estimator answers as it is.
    pub(crate) unchecked: bool,
}

impl CheckedEstimator {
    /// The result, or the failure that it amounts to.
    fn check(
        &self,
        trial: TrialId,
        result: std::result::Result<Outcome, Failure>,
    ) -> std::result::Result<Outcome, Failure> {
        let who = &self.identity;
        let mut outcome = result.map_err(|failure| {
            let message = clean(&failure.message);
            let message = match failure.kind {
                FailureKind::Rejected | FailureKind::Cancelled => message.into_owned(),
                _ => format!("{who}, trial {trial}: {message}"),
            };
            Failure { message, ..failure }
        })?;
        if outcome.metrics.keys().any(|name| *name != clean_name(name)) {
            let metrics = std::mem::take(&mut outcome.metrics);
            let clean = |(name, value): (String, f64)| (clean_name(&name).into_owned(), value);
            outcome.metrics = metrics.into_iter().map(clean).collect();
        }
        let fail = |kind, what: String| {
            let message = format!("{who}, trial {trial}: {what}");
            Err(Failure { kind, message, cost_seconds: outcome.cost_seconds })
        };
        let (found, expected) = (outcome.objectives.len(), self.info.objectives.len());
        if found != expected {
            let what =
                format!("gave {found} objectives, its info names {expected}; hint: report it to its author");
            return fail(FailureKind::Crashed, what);
        }
        let mut last = f64::NEG_INFINITY;
        for point in &outcome.curve {
            if let Err((kind, what)) = check_point(&self.info, &mut last, point) {
                return fail(kind, what);
            }
        }
        match outcome.objectives.iter().position(|objective| !objective.is_finite()) {
            None => Ok(outcome),
            Some(index) => {
                let (name, value) = (&self.info.objectives[index].name, outcome.objectives[index]);
                let hint =
                    "the configuration may be unsuitable, a smaller learning rate or another seed may help";
                fail(FailureKind::Diverged, format!("`{name}` is {value}; hint: {hint}"))
            }
        }
    }
}

/// What a point amounts to that cannot be kept, and why.
type Problem = (FailureKind, String);

/// What is wrong with the next point of a curve, if anything. `last` is the step before.
fn check_point(info: &EstimatorInfo, last: &mut f64, point: &CurvePoint) -> std::result::Result<(), Problem> {
    let CurvePoint { step, objectives, .. } = point;
    let wrong = |what: String| Err((FailureKind::Crashed, format!("{what}; hint: report it to its author")));
    let (found, expected) = (objectives.len(), info.objectives.len());
    if found != expected {
        return wrong(format!(
            "reported {found} objectives at step {step} of its curve, its info names {expected}"
        ));
    }
    if !step.is_finite() {
        return wrong(format!("reported step {step} of its curve, which is no number of steps"));
    }
    if *step < *last {
        return wrong(format!("reported step {step} of its curve after step {last}"));
    }
    *last = *step;
    match objectives.iter().position(|objective| !objective.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let (name, value) = (&info.objectives[index].name, objectives[index]);
            let hint = "a smaller learning rate or another seed may help";
            Err((FailureKind::Diverged, format!("`{name}` is {value} at step {step}; hint: {hint}")))
        }
    }
}

/// Looks at the points of curves before the host sees them.
struct CheckedReporter<'a> {
    inner: &'a dyn Reporter,
    info: &'a EstimatorInfo,
    /// By trial, the last step; or what is wrong with a point that was reported.
    seen: Mutex<HashMap<TrialId, std::result::Result<f64, Problem>>>,
}

impl Reporter for CheckedReporter<'_> {
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let state = seen.entry(trial).or_insert(Ok(f64::NEG_INFINITY));
        let Ok(last) = state else { return Verdict::Stop };
        if let Err(problem) = check_point(self.info, last, point) {
            *state = Err(problem);
            return Verdict::Stop;
        }
        // The answer may take its time, and other trials of the batch need not wait for it.
        drop(seen);
        self.inner.report(trial, point)
    }

    fn cancelled(&self) -> bool {
        self.inner.cancelled()
    }
}

impl Estimator for CheckedEstimator {
    fn info(&self) -> EstimatorInfo {
        self.info.clone()
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<std::result::Result<Outcome, Failure>> {
        let fail_all = |error: ComponentError| {
            let failure = |request: &EvaluationRequest| {
                let doing = format_args!("evaluating trial {}", request.trial);
                let message = self.identity.explain(doing, error.clone()).message;
                Err(Failure::new(FailureKind::Crashed, message))
            };
            requests.iter().map(failure).collect()
        };
        if self.unchecked {
            return self.inner.try_evaluate(requests, reporter).unwrap_or_else(fail_all);
        }
        let reporter = CheckedReporter { inner: reporter, info: &self.info, seen: Mutex::default() };
        match self.inner.try_evaluate(requests, &reporter) {
            Err(error) => fail_all(error),
            Ok(results) if results.len() != requests.len() => fail_all(ComponentError::failed(format!(
                "gave {} results for {} trials; hint: report it to the plugin's author",
                results.len(),
                requests.len()
            ))),
            Ok(results) => {
                let mut seen = reporter.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
                let pairs = requests.iter().zip(results);
                let check = |(request, result): (&EvaluationRequest, std::result::Result<Outcome, _>)| {
                    let result = match seen.remove(&request.trial) {
                        Some(Err((kind, message))) => {
                            Err(Failure { kind, message, cost_seconds: cost_seconds(&result) })
                        }
                        _ => result,
                    };
                    self.check(request.trial, result)
                };
                pairs.map(check).collect()
            }
        }
    }
}

/// What stands behind a proxy.
pub(crate) trait RawProxy: Send + Sync {
    fn try_score(&self, configurations: &[Configuration], seed: Seed, scores: &mut [f64]) -> Result<()>;
}

/// A proxy whose errors say who.
pub(crate) struct CheckedProxy {
    pub(crate) inner: Box<dyn RawProxy>,
    pub(crate) identity: Identity,
    pub(crate) info: ProxyInfo,
}

impl Proxy for CheckedProxy {
    fn info(&self) -> ProxyInfo {
        self.info.clone()
    }

    fn score(&self, configurations: &[Configuration], seed: Seed, scores: &mut [f64]) -> Result<()> {
        let scored = self.inner.try_score(configurations, seed, scores);
        scored.map_err(|error| {
            self.identity.explain(format_args!("scoring {} configurations", configurations.len()), error)
        })
    }
}
