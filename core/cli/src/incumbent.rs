//! The best trial so far, followed through a run's events: the same for progress, `bench` and `compare` as the engine
//! and the summary have it.

use std::collections::{BTreeMap, HashMap};

use heirloom_engine::beats;
use heirloom_model::{Event, FailureKind, Fidelity, TrialId, cost_seconds};

/// Follows a run's incumbent.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// Trials that were proposed and not told yet.
    open: HashMap<TrialId, Open>,
    best: Option<Incumbent>,
}

#[derive(Debug)]
struct Open {
    fidelity: Fidelity,
    /// The first objective and the metrics; `None` where it has failed, or has not ended.
    outcome: Option<(f64, BTreeMap<String, f64>)>,
    cost_seconds: f64,
}

/// The best trial that was told.
#[derive(Debug)]
pub(crate) struct Incumbent {
    pub(crate) trial: TrialId,
    /// The first objective, minimised.
    pub(crate) objective: f64,
    pub(crate) metrics: BTreeMap<String, f64>,
    fidelity: Fidelity,
}

impl Follower {
    /// Takes in an event; what the trial cost, in seconds, where it says that one was told.
    pub(crate) fn observe(&mut self, event: &Event) -> Option<f64> {
        match event {
            Event::Proposed { trial, proposal, .. } => {
                let open = Open { fidelity: proposal.fidelity.clone(), outcome: None, cost_seconds: 0.0 };
                self.open.insert(*trial, open);
            }
            Event::Finished { trial, result: Err(failure), .. } if failure.kind == FailureKind::Filtered => {
                self.open.remove(trial);
            }
            Event::Finished { trial, result, .. } => {
                let open = self.open.get_mut(trial)?;
                open.cost_seconds = cost_seconds(result);
                open.outcome = result.as_ref().ok().and_then(|outcome| {
                    outcome.objectives.first().map(|objective| (*objective, outcome.metrics.clone()))
                });
            }
            Event::Told { trial } => {
                let Open { fidelity, outcome, cost_seconds } = self.open.remove(trial)?;
                if let Some((objective, metrics)) = outcome
                    && self.is_beaten_by(&fidelity, objective)
                {
                    self.best = Some(Incumbent { trial: *trial, objective, metrics, fidelity });
                }
                return Some(cost_seconds);
            }
            Event::Started { .. } | Event::Reported { .. } => {}
        }
        None
    }

    fn is_beaten_by(&self, fidelity: &Fidelity, objective: f64) -> bool {
        let is_beaten = |best: &Incumbent| beats((fidelity, objective), (&best.fidelity, best.objective));
        self.best.as_ref().is_none_or(is_beaten)
    }

    /// The best trial so far.
    pub(crate) fn best(&self) -> Option<&Incumbent> {
        self.best.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use heirloom_model::{Configuration, Failure, Origin, Outcome, Proposal};

    use super::*;

    /// The events of a trial that was evaluated at a fidelity.
    fn events(trial: u64, fidelity: f64, result: Result<f64, FailureKind>) -> [Event; 3] {
        let trial = TrialId(trial);
        let proposal = Proposal::new(Configuration::new(vec![0.0]), Fidelity(vec![fidelity]));
        let result = match result {
            Ok(objective) => Ok(Outcome::new(vec![objective], 2.0)),
            Err(kind) => Err(Failure::new(kind, "so it is")),
        };
        [
            Event::Proposed { trial, proposal, origin: Origin::Strategy { ask: 0, n: 1 }, scores: vec![] },
            Event::Finished { trial, attempt: 1, result, wall_seconds: 1.0 },
            Event::Told { trial },
        ]
    }

    #[test]
    fn a_larger_evaluation_is_the_better_one_and_filtered_proposals_are_forgotten() {
        let mut follower = Follower::default();
        let mut best = |events: &[Event]| {
            let costs: Vec<_> = events.iter().filter_map(|event| follower.observe(event)).collect();
            (follower.best().map(|best| (best.trial.0, best.objective)), costs)
        };
        assert_eq!(best(&events(0, 1.0, Ok(0.1))), (Some((0, 0.1)), vec![2.0]));
        assert_eq!(best(&events(1, 9.0, Ok(0.5))), (Some((1, 0.5)), vec![2.0]));
        assert_eq!(best(&events(2, 1.0, Ok(0.2))), (Some((1, 0.5)), vec![2.0]));
        assert_eq!(best(&events(3, 9.0, Ok(0.4))), (Some((3, 0.4)), vec![2.0]));
        assert_eq!(best(&events(4, 9.0, Err(FailureKind::Crashed))), (Some((3, 0.4)), vec![0.0]));
        assert_eq!(best(&events(5, 9.0, Err(FailureKind::Filtered))[..2]), (Some((3, 0.4)), vec![]));
        assert!(follower.open.is_empty());
    }
}
