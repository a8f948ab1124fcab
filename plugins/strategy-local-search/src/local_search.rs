//! Climbs with restarts, without barriers.
//!
//! All progress is made in `ask`: `tell` only notes results. What is in flight is read from the request, so that a
//! proposal that was filtered out and never comes back does not hold up the climb.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Fidelity, Observation, PriorKnowledge, Problem, Proposal, Rng,
    Seed, Space, Strategy, TrialId,
};

use crate::climb::{Batch, Climb, Evaluated, Standing, Step};
use crate::params::Options;

/// Draws after which the space counts as searched through.
const MAX_DRAWS: usize = 1_000;

/// Local search: draw `n_starts` configurations, climb from the best, draw again at a local optimum.
///
/// With one worker this is the algorithm of the paper. With more, workers that would wait for the last neighbours
/// evaluate the draws of the next restart meanwhile.
#[derive(Debug)]
pub struct LocalSearch {
    space: Arc<Space>,
    fidelity: Fidelity,
    options: Options,
    /// Told configurations; `None` where the evaluation failed.
    told: HashMap<Configuration, Option<Evaluated>>,
    /// Proposed, not told: the request's pending trials and what the same ask proposed before.
    in_flight: HashSet<Configuration>,
    /// The draws for the next climb.
    starts: Batch,
    climb: Option<Climb>,
    /// How often a climb has come to a new centre: the counter of the random stream for neighbours.
    n_centres: u64,
    /// Expected good configurations with the trust in them, the best first.
    expected: VecDeque<(Configuration, f64)>,
}

impl LocalSearch {
    /// Local search over `problem`.
    pub fn new(problem: &Problem, options: Options) -> Self {
        Self {
            space: Arc::clone(&problem.space),
            fidelity: problem.full_fidelity(),
            options,
            told: HashMap::new(),
            in_flight: HashSet::new(),
            starts: Batch::default(),
            climb: None,
            n_centres: 0,
            expected: VecDeque::new(),
        }
    }

    /// Draws what has not been seen: with probability `weight / (1 + weight)` the best expected configuration
    /// left, else a uniform one. `None` when everything drawn had been seen.
    fn draw(&mut self, rng: &mut Rng) -> Result<Option<Configuration>, ComponentError> {
        let is_seen = |configuration: &Configuration| {
            self.told.contains_key(configuration) || self.in_flight.contains(configuration)
        };
        while let Some((configuration, weight)) = self.expected.front() {
            if is_seen(configuration) {
                self.expected.pop_front();
                continue;
            }
            if rng.uniform() * (1.0 + weight) < *weight {
                return Ok(self.expected.pop_front().map(|(configuration, _)| configuration));
            }
            break;
        }
        for _ in 0..MAX_DRAWS {
            let drawn = self.space.sample(rng).map_err(|error| ComponentError::failed(error.to_string()))?;
            if !is_seen(&drawn) {
                return Ok(Some(drawn));
            }
        }
        Ok(None)
    }

    /// The climb's next neighbour, and the trial that evaluated its centre.
    fn next_neighbour(&mut self) -> Option<(Configuration, TrialId)> {
        let Self { told, in_flight, climb, .. } = self;
        let climb = climb.as_mut()?;
        let is_seen = |configuration: &Configuration| {
            told.contains_key(configuration) || in_flight.contains(configuration)
        };
        Some((climb.next_neighbour(is_seen)?, climb.centre.trial))
    }

    /// Takes in what was told since the last ask, and climbs as far as that allows.
    fn advance(&mut self, seed: Seed) {
        let Self { told, in_flight, .. } = self;
        let is_seen = |configuration: &Configuration| {
            told.contains_key(configuration) || in_flight.contains(configuration)
        };
        let standing = |configuration: &Configuration| match told.get(configuration) {
            Some(Some(evaluated)) => Standing::Known(evaluated),
            None if in_flight.contains(configuration) => Standing::Pending,
            Some(None) | None => Standing::Worthless,
        };
        self.starts.settle(&standing);
        loop {
            let step = match &mut self.climb {
                None if self.starts.n_settled >= self.options.n_starts => {
                    self.starts.n_settled = 0;
                    self.starts.best.take().map_or(Step::LocalOptimum, Step::Move)
                }
                None => Step::Stay,
                Some(climb) => climb.step(self.options.moves, &standing),
            };
            match step {
                Step::Stay => return,
                Step::LocalOptimum => self.climb = None,
                Step::Move(centre) => {
                    let mut rng = seed.derive("neighbours", self.n_centres).rng();
                    self.n_centres += 1;
                    self.climb = Some(Climb::at(centre, &self.space, &mut rng, is_seen));
                }
            }
        }
    }
}

impl Strategy for LocalSearch {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.in_flight = request.pending.iter().map(|trial| trial.configuration.clone()).collect();
        self.advance(request.seed);
        let mut proposals = Vec::with_capacity(request.n);
        while proposals.len() < request.n {
            let (configuration, parent) = if let Some((neighbour, centre)) = self.next_neighbour() {
                (neighbour, Some(centre))
            } else if let Some(start) = self.draw(&mut request.rng(proposals.len()))? {
                self.starts.wait_for(start.clone());
                (start, None)
            } else {
                break;
            };
            self.in_flight.insert(configuration.clone());
            proposals.push(Proposal { parent, ..Proposal::new(configuration, self.fidelity.clone()) });
        }
        Ok(proposals)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        for observation in observations {
            let evaluated = observation.objective().map(|objective| Evaluated {
                configuration: observation.configuration.clone(),
                trial: observation.trial,
                objective,
            });
            self.told.insert(observation.configuration.clone(), evaluated);
        }
        Ok(())
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        let mut expected: Vec<_> = knowledge.observations.iter().collect();
        expected.sort_by(|a, b| a.score.total_cmp(&b.score));
        for observation in &expected {
            self.space
                .check(&observation.configuration)
                .map_err(|error| ComponentError::failed(format!("prior knowledge: {error}")))?;
        }
        self.expected = expected.iter().map(|prior| (prior.configuration.clone(), prior.weight)).collect();
        Ok(!self.expected.is_empty())
    }
}
