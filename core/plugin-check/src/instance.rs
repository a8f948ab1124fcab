//! A component at its work: one whose answers are kept, or compared with another's.

use std::sync::Arc;

use heirloom_model::{Configuration, Estimator, EvaluationRequest, Problem, Proposal, Proxy, Seed};
use heirloom_plugin_host::HostError;

use crate::estimator::{Evaluation, difference};
use crate::loaded::{Ground, Loaded, Silent};
use crate::session::Enforced;
use crate::strategy::measured;
use crate::{Session, Trouble};

/// An instance of a component, with what it is asked turn by turn.
pub(crate) enum Instance<'g> {
    Strategy { session: Session<'g>, problem: &'g Problem },
    Estimator { estimator: Arc<dyn Estimator>, requests: &'g [EvaluationRequest] },
    Proxy { proxy: Arc<dyn Proxy>, configurations: &'g [Configuration] },
}

/// What it did in a turn.
pub(crate) enum Answer {
    Proposals(Vec<Proposal>),
    Result(Box<Evaluation>),
    Score(f64),
}

impl<'g> Instance<'g> {
    pub(crate) fn new(loaded: &Loaded<'_>, ground: &'g Ground) -> Result<Self, HostError> {
        Ok(match ground {
            Ground::Strategy { problem } => {
                let seed = Seed::from_number(loaded.seed);
                let mut session = Session::new(loaded.strategy(problem)?, problem, seed);
                session.enforce(Enforced::None);
                Self::Strategy { session, problem }
            }
            Ground::Estimator { space, requests } => {
                Self::Estimator { estimator: loaded.estimator(space.as_ref())?, requests }
            }
            Ground::Proxy { problem, configurations } => {
                Self::Proxy { proxy: loaded.proxy(problem)?, configurations }
            }
        })
    }

    /// One turn: some trials, the last of which stay pending; or one of the inputs, from the first again after the
    /// last.
    pub(crate) fn work(&mut self, turn: usize) -> Result<Answer, Trouble> {
        Ok(match self {
            Self::Strategy { session, problem } => {
                let n_before = session.proposals.len();
                session.run(4, 2, measured(problem))?;
                session.ask(2)?;
                Answer::Proposals(session.proposals[n_before..].to_vec())
            }
            Self::Estimator { estimator, requests } => {
                let request = &requests[turn % requests.len()];
                let mut results = estimator.evaluate(std::slice::from_ref(request), &Silent);
                match results.pop() {
                    Some(result) => Answer::Result(Box::new(result)),
                    None => return Err(Trouble::Failed("a request gave no result".into())),
                }
            }
            Self::Proxy { proxy, configurations } => {
                let configuration = &configurations[turn % configurations.len()];
                let mut score = [0.0];
                proxy
                    .score(std::slice::from_ref(configuration), Seed::from_number(1), &mut score)
                    .map_err(|error| Trouble::from_error("`score`", &error))?;
                Answer::Score(score[0])
            }
        })
    }
}

impl Answer {
    /// In what two answers of one turn differ.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::Proposals(a), Self::Proposals(b)) if a == b => None,
            (Self::Proposals(_), Self::Proposals(_)) => Some(
                "other proposals; hint: draw from `request.rng` alone, and iterate over nothing whose order is random"
                    .into(),
            ),
            (Self::Result(a), Self::Result(b)) => difference(a, b),
            (Self::Score(a), Self::Score(b)) if a.to_bits() == b.to_bits() => None,
            (Self::Score(a), Self::Score(b)) => Some(format!("the scores {a} and {b}")),
            _ => Some("the component changed its kind".into()),
        }
    }
}
