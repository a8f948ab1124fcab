//! The trait of what proposes configurations.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    ComponentError, Configuration, CurvePoint, Fidelity, Observation, PendingTrial, Problem, Proposal, Rng,
    Seed, Space, TrialId, Verdict,
};

/// What the engine asks of a strategy.
#[derive(Debug, Clone, Copy)]
pub struct AskRequest<'a> {
    /// How many proposals are wanted; fewer may be given.
    pub n: usize,
    /// The number that the first proposal's trial will have; the next ones count on.
    pub first_trial: TrialId,
    /// Trials that were proposed and not told yet, in the order of their numbers. A proposal that a proxy filtered
    /// out is not among them and is never told.
    pub pending: &'a [PendingTrial],
    /// The strategy's seed, the same at every call of a run.
    pub seed: Seed,
}

impl AskRequest<'_> {
    /// The generator for proposal `index` of this request.
    ///
    /// It follows from the trial's number alone, so that a strategy that draws each proposal from it gives the
    /// same trials whether they are asked for one by one or many at a time.
    pub fn rng(&self, index: usize) -> Rng {
        self.seed.derive("trial", self.first_trial.0 + index as u64).rng()
    }
}

/// A point of a running trial's learning curve, put to the strategy for its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveReport {
    /// The running trial.
    pub trial: TrialId,
    /// The size of the evaluation that was asked for.
    pub fidelity: Fidelity,
    /// The newest point.
    pub point: CurvePoint,
}

/// What is believed about a problem before its first trial.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PriorKnowledge {
    /// Configurations with the scores that past tasks lead us to expect.
    pub observations: Vec<PriorObservation>,
}

/// One configuration's expected standing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriorObservation {
    /// The configuration, in the problem's own space.
    pub configuration: Configuration,
    /// Expected quantile among configurations of the space: 0 the best, 1 the worst.
    pub score: f64,
    /// How much to trust it, in trials of the new task: 1 counts as one trial.
    pub weight: f64,
}

/// Configurations that are expected to be good and were not proposed yet: what a strategy keeps of its
/// [`PriorKnowledge`].
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// With the trust in them, the best first.
    left: VecDeque<(Configuration, f64)>,
}

impl Expected {
    /// What `knowledge` says of `space`. Errors on a configuration that is none of it.
    pub fn of(knowledge: &PriorKnowledge, space: &Space) -> Result<Self, ComponentError> {
        let mut expected: Vec<_> = knowledge.observations.iter().collect();
        expected.sort_by(|a, b| a.score.total_cmp(&b.score));
        for observation in &expected {
            space
                .check(&observation.configuration)
                .map_err(|error| ComponentError::failed(format!("prior knowledge: {error}")))?;
        }
        let left = expected.iter().map(|prior| (prior.configuration.clone(), prior.weight)).collect();
        Ok(Self { left })
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// With probability `weight / (1 + weight)`, `weight` being the trust in it, the best one left that is not seen;
    /// `None` leaves the draw to the strategy.
    pub fn draw(&mut self, rng: &mut Rng, is_seen: impl Fn(&Configuration) -> bool) -> Option<Configuration> {
        while self.left.front().is_some_and(|(configuration, _)| is_seen(configuration)) {
            self.left.pop_front();
        }
        let (_, weight) = self.left.front()?;
        if rng.uniform() * (1.0 + weight) < *weight {
            self.left.pop_front().map(|(configuration, _)| configuration)
        } else {
            None
        }
    }
}

/// Proposes configurations and learns from what became of them.
///
/// A strategy keeps no clock, does no I/O and draws randomness only from the seed in the request: the same seed and
/// the same tells give the same asks. That is what lets a run resume by replaying its trials.
///
/// # Life
///
/// `inform` at most once, before the first `ask`. Then `ask`, `judge` and `tell` in any order: a trial is told
/// exactly once, in whatever order trials end. Calls never overlap.
///
/// Trials that the strategy did not propose (transferred ones) are pending and told like its own.
///
/// A resumed run calls a fresh strategy with the same asks and tells. So an ask that gives no proposals must leave
/// the state as it was, telling trials together must come to the same as telling them one by one, and what `judge`
/// remembers must not decide what `ask` proposes.
pub trait Strategy: Send {
    /// Proposes up to `request.n` configurations.
    ///
    /// Fewer, or none, means: not before more trials are told. None while nothing is pending means that the
    /// strategy has nothing left to propose, and ends the run.
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError>;

    /// Learns what became of trials.
    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError>;

    /// Says whether a running trial goes on.
    fn judge(&mut self, _report: &CurveReport) -> Result<Verdict, ComponentError> {
        Ok(Verdict::Continue)
    }

    /// Takes in what is believed before the first trial. Returns whether it will be used.
    fn inform(&mut self, _knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        Ok(false)
    }

    /// The trial to recommend at the end; `None` leaves the choice to the engine: the best observed one.
    fn recommend(&self) -> Result<Option<TrialId>, ComponentError> {
        Ok(None)
    }

    /// The strategy's state; `None` asks for replay. No search calls it yet: a resumed one replays its trials.
    fn save(&self) -> Result<Option<Vec<u8>>, ComponentError> {
        Ok(None)
    }

    /// Takes up a state that [`save`](Self::save) gave.
    fn restore(&mut self, _state: &[u8]) -> Result<(), ComponentError> {
        Err(ComponentError::unsupported("this strategy resumes by replay"))
    }
}

/// Makes components by name: how a strategy that wraps another gets it from the host.
pub trait Components: Send + Sync {
    /// The strategy `name` for `problem`, with `options` as its table of the run file.
    fn strategy(
        &self,
        name: &str,
        options: &Json,
        problem: &Problem,
    ) -> Result<Box<dyn Strategy>, ComponentError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_expected_configuration_that_is_new_comes_first() {
        let spec = r#"{"parameter": [{"name": "x", "type": "int", "low": 0, "high": 9}]}"#;
        let space = Space::compile(serde_json::from_str(spec).unwrap()).unwrap();
        let at = |x: f64| Configuration::new([x]);
        let prior = |x, score| PriorObservation { configuration: at(x), score, weight: 1e12 };
        let knowledge =
            PriorKnowledge { observations: vec![prior(1.0, 0.5), prior(2.0, 0.1), prior(3.0, 0.2)] };
        let mut rng = Seed::from_number(1).rng();
        let mut expected = Expected::of(&knowledge, &space).unwrap();
        assert_eq!(expected.draw(&mut rng, |configuration| *configuration == at(2.0)), Some(at(3.0)));
        assert_eq!(expected.draw(&mut rng, |_| false), Some(at(1.0)));
        assert_eq!(expected.draw(&mut rng, |_| false), None);
        assert!(expected.is_empty());
        let foreign = PriorKnowledge { observations: vec![prior(10.0, 0.5)] };
        let error = Expected::of(&foreign, &space).unwrap_err().to_string();
        assert!(error.starts_with("prior knowledge: "), "{error}");
    }
}
