//! Components as the host hands them out: every error says who, and what comes back is looked at.
//!
//! An objective that is not finite is a failed trial, and what cannot be attributed to one trial, such as too many
//! answers, is an error. Whether a proposal is a point of the space is for the engine to see, and not looked at twice.

use std::fmt::Display;

use heirloom_model::{
    AskRequest, ComponentError, Configuration, CurveReport, Estimator, EstimatorInfo, EvaluationRequest,
    Failure, FailureKind, Observation, Outcome, PriorKnowledge, Proposal, Proxy, ProxyInfo, Reporter, Seed,
    Strategy, TrialId, Verdict,
};

use crate::identity::Identity;

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
        let outcome = result.map_err(|failure| match failure.kind {
            FailureKind::Rejected | FailureKind::Cancelled => failure,
            _ => Failure { message: format!("{who}, trial {trial}: {}", failure.message), ..failure },
        })?;
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
        match self.inner.try_evaluate(requests, reporter) {
            Err(error) => fail_all(error),
            Ok(results) if self.unchecked => results,
            Ok(results) if results.len() != requests.len() => fail_all(ComponentError::failed(format!(
                "gave {} results for {} trials; hint: report it to the plugin's author",
                results.len(),
                requests.len()
            ))),
            Ok(results) => {
                let pairs = requests.iter().zip(results);
                pairs.map(|(request, result)| self.check(request.trial, result)).collect()
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
