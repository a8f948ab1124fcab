//! Regularised evolution.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Expected, Fidelity, Observation, PriorKnowledge, Problem,
    Proposal, Rng, Space, SpaceError, Strategy, TrialId,
};

use crate::params::Options;

/// Mutations tried for a child that was not proposed before.
const MAX_MUTATIONS: usize = 100;

/// Evolution in which the oldest member dies.
///
/// Source: Real et al. 2019, "Regularized Evolution for Image Classifier Architecture Search", algorithm 1.
#[derive(Debug)]
pub struct Evolution {
    space: Arc<Space>,
    fidelity: Fidelity,
    options: Options,
    /// The oldest first, at most `options.population`.
    population: VecDeque<Member>,
    expected: Expected,
    /// All that were proposed, by whomever; kept only when children shall be distinct, and where past runs say what to
    /// expect: the best of that may have been transferred.
    seen: HashSet<Configuration>,
}

#[derive(Debug, Clone)]
struct Member {
    trial: TrialId,
    configuration: Configuration,
    /// The first objective, minimised.
    objective: f64,
}

impl Evolution {
    /// Evolution on `problem`.
    pub fn new(problem: &Problem, options: Options) -> Self {
        Self {
            space: Arc::clone(&problem.space),
            fidelity: problem.full_fidelity(),
            options,
            population: VecDeque::new(),
            expected: Expected::default(),
            seen: HashSet::new(),
        }
    }

    /// A first member: with probability `weight / (1 + weight)` the best expected configuration left, else a
    /// uniform draw.
    fn first_member(&mut self, rng: &mut Rng) -> Result<Configuration, SpaceError> {
        match self.expected.draw(rng, |configuration| self.seen.contains(configuration)) {
            Some(configuration) => Ok(configuration),
            None => self.space.sample(rng),
        }
    }

    fn remembers(&self) -> bool {
        self.options.distinct || !self.expected.is_empty()
    }

    /// The best of `options.tournament` members, drawn with replacement.
    fn winner(&self, rng: &mut Rng) -> &Member {
        let draw = |rng: &mut Rng| &self.population[rng.below(self.population.len())];
        let mut winner = draw(rng);
        for _ in 1..self.options.tournament {
            let rival = draw(rng);
            if rival.objective < winner.objective {
                winner = rival;
            }
        }
        winner
    }

    /// The winner of a tournament with one parameter changed. A space in which nothing can vary gives copies.
    fn child(&self, rng: &mut Rng) -> Proposal {
        let parent = self.winner(rng);
        let mut child =
            || self.space.mutate(&parent.configuration, rng).unwrap_or_else(|| parent.configuration.clone());
        let mut configuration = child();
        if self.options.distinct {
            for _ in 1..MAX_MUTATIONS {
                if !self.seen.contains(&configuration) {
                    break;
                }
                configuration = child();
            }
        }
        Proposal { parent: Some(parent.trial), ..Proposal::new(configuration, self.fidelity.clone()) }
    }
}

impl Strategy for Evolution {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        if self.remembers() {
            self.seen.extend(request.pending.iter().map(|trial| trial.configuration.clone()));
        }
        let mut proposals = Vec::with_capacity(request.n);
        for index in 0..request.n {
            let mut rng = request.rng(index);
            let n_members = self.population.len() + request.pending.len() + index;
            let is_early = n_members < self.options.population || self.population.is_empty();
            let proposal = if is_early {
                let configuration =
                    self.first_member(&mut rng).map_err(|error| ComponentError::failed(error.to_string()))?;
                Proposal::new(configuration, self.fidelity.clone())
            } else {
                self.child(&mut rng)
            };
            if self.remembers() {
                self.seen.insert(proposal.configuration.clone());
            }
            proposals.push(proposal);
        }
        Ok(proposals)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        for observation in observations {
            // One that came from a past task may have ended between two asks.
            if self.remembers() {
                self.seen.insert(observation.configuration.clone());
            }
            if let Some(objective) = observation.objective() {
                self.population.push_back(Member {
                    trial: observation.trial,
                    configuration: observation.configuration.clone(),
                    objective,
                });
            }
            if self.population.len() > self.options.population {
                self.population.pop_front();
            }
        }
        Ok(())
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        self.expected = Expected::of(knowledge, &self.space)?;
        Ok(!self.expected.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use heirloom_plugin::{Direction, Objective, PriorObservation, Seed, json};

    use super::*;

    #[test]
    fn a_distinct_child_repeats_no_trial_that_somebody_else_proposed() {
        let spec = json!({"parameter": [{"name": "x", "type": "categorical", "choices": ["a", "b", "c"]}]});
        let space = Space::compile(serde_json::from_value(spec).unwrap()).unwrap();
        let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
        let problem = Problem::new(Arc::new(space), objective);
        let transferred = [0.0, 1.0].map(|choice| Observation {
            trial: TrialId(choice as u64),
            configuration: Configuration::new([choice]),
            fidelity: problem.full_fidelity(),
            result: Ok(vec![choice]),
            cost_seconds: 1.0,
        });
        for seed in 0..20 {
            let options = Options { population: 2, tournament: 2, distinct: true };
            let mut evolution = Evolution::new(&problem, options);
            evolution.tell(&transferred).unwrap();
            let seed = Seed::from_number(seed);
            let request = AskRequest { n: 1, first_trial: TrialId(2), pending: &[], seed };
            let children = evolution.ask(&request).unwrap();
            assert_eq!(children[0].configuration, Configuration::new([2.0]));
        }
    }

    /// The best of what past runs expect is what a warm start transfers.
    #[test]
    fn what_is_expected_is_not_proposed_again_where_it_was_transferred() {
        let spec = json!({"parameter": [{"name": "x", "type": "float", "low": 0, "high": 1}]});
        let space = Space::compile(serde_json::from_value(spec).unwrap()).unwrap();
        let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
        let problem = Problem::new(Arc::new(space), objective);
        let expected = [0.25, 0.5].map(|x| PriorObservation {
            configuration: Configuration::new([x]),
            score: x,
            weight: 1e9,
        });
        let mut evolution =
            Evolution::new(&problem, Options { population: 2, tournament: 2, distinct: false });
        evolution.inform(&PriorKnowledge { observations: expected.to_vec() }).unwrap();
        let transferred = Observation {
            trial: TrialId(0),
            configuration: Configuration::new([0.25]),
            fidelity: problem.full_fidelity(),
            result: Ok(vec![1.0]),
            cost_seconds: 1.0,
        };
        evolution.tell(&[transferred]).unwrap();
        let request = AskRequest { n: 1, first_trial: TrialId(1), pending: &[], seed: Seed::from_number(1) };
        assert_eq!(evolution.ask(&request).unwrap()[0].configuration, Configuration::new([0.5]));
    }
}
