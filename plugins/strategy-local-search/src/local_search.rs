//! Climbs with restarts, without barriers.
//!
//! All progress is made in `ask`: `tell` only notes results. What is in flight is read from the request, so that a
//! proposal that was filtered out and never comes back does not hold up the climb.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Expected, Fidelity, Observation, PriorKnowledge, Problem,
    Proposal, Rng, Seed, Space, Strategy, TrialId,
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
    seen: Seen,
    /// The draws for the next climb; what somebody else proposed counts among them, such as a warm start.
    starts: Batch,
    /// What this strategy proposed, not told yet.
    proposed: HashSet<Configuration>,
    climb: Option<Climb>,
    /// How often a climb has come to a new centre: the counter of the random stream for neighbours.
    n_centres: u64,
    expected: Expected,
}

/// What was proposed so far.
#[derive(Debug, Default)]
struct Seen {
    /// Told configurations; `None` where the evaluation failed.
    told: HashMap<Configuration, Option<Evaluated>>,
    /// Proposed, not told: the request's pending trials and what the same ask proposed before.
    in_flight: HashSet<Configuration>,
}

impl Seen {
    fn contains(&self, configuration: &Configuration) -> bool {
        self.told.contains_key(configuration) || self.in_flight.contains(configuration)
    }

    fn standing(&self, configuration: &Configuration) -> Standing<'_> {
        match self.told.get(configuration) {
            Some(Some(evaluated)) => Standing::Known(evaluated),
            None if self.in_flight.contains(configuration) => Standing::Pending,
            Some(None) | None => Standing::Worthless,
        }
    }
}

impl LocalSearch {
    /// Local search over `problem`.
    pub fn new(problem: &Problem, options: Options) -> Self {
        Self {
            space: Arc::clone(&problem.space),
            fidelity: problem.full_fidelity(),
            options,
            seen: Seen::default(),
            starts: Batch::default(),
            proposed: HashSet::new(),
            climb: None,
            n_centres: 0,
            expected: Expected::default(),
        }
    }

    /// Draws what has not been seen: with probability `weight / (1 + weight)` the best expected configuration
    /// left, else a uniform one. `None` when everything drawn had been seen.
    fn draw(&mut self, rng: &mut Rng) -> Result<Option<Configuration>, ComponentError> {
        let expected = self.expected.draw(rng, |configuration| self.seen.contains(configuration));
        if expected.is_some() {
            return Ok(expected);
        }
        for _ in 0..MAX_DRAWS {
            let drawn = self.space.sample(rng).map_err(|error| ComponentError::failed(error.to_string()))?;
            if !self.seen.contains(&drawn) {
                return Ok(Some(drawn));
            }
        }
        Ok(None)
    }

    /// The climb's next neighbour, and the trial that evaluated its centre.
    fn next_neighbour(&mut self) -> Option<(Configuration, TrialId)> {
        let climb = self.climb.as_mut()?;
        let neighbour = climb.next_neighbour(|configuration| self.seen.contains(configuration))?;
        Some((neighbour, climb.centre.trial))
    }

    /// Takes in what was told since the last ask, and climbs as far as that allows.
    fn advance(&mut self, seed: Seed) {
        let seen = &self.seen;
        let standing = |configuration: &Configuration| seen.standing(configuration);
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
                    let is_seen = |configuration: &Configuration| seen.contains(configuration);
                    self.climb = Some(Climb::at(centre, &self.space, &mut rng, is_seen));
                }
            }
        }
    }
}

impl Strategy for LocalSearch {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.seen.in_flight = request.pending.iter().map(|trial| trial.configuration.clone()).collect();
        // What a proxy dropped is never told.
        self.proposed.retain(|configuration| self.seen.in_flight.contains(configuration));
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
            self.seen.in_flight.insert(configuration.clone());
            self.proposed.insert(configuration.clone());
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
            if !self.proposed.remove(&observation.configuration) {
                self.starts.wait_for(observation.configuration.clone());
            }
            self.seen.told.insert(observation.configuration.clone(), evaluated);
        }
        Ok(())
    }

    fn inform(&mut self, knowledge: &PriorKnowledge) -> Result<bool, ComponentError> {
        self.expected = Expected::of(knowledge, &self.space)?;
        Ok(!self.expected.is_empty())
    }
}
