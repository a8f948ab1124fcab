//! The algorithm: it knows nothing of libraries.

use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Fidelity, Observation, Problem, Proposal, Rng,
    Space, Strategy, TrialId,
};

use crate::Options;

/// Keeps the best configurations and changes one parameter of one of them at a time.
pub struct Search {
    space: Arc<Space>,
    fidelity: Fidelity,
    options: Options,
    /// The best trials, the best first; at most `options.n_parents`.
    parents: Vec<Parent>,
    /// How many trials have ended.
    n_told: usize,
}

struct Parent {
    trial: TrialId,
    configuration: Configuration,
    objective: f64,
}

impl Search {
    /// A search of the space of `problem`.
    pub fn new(problem: &Problem, options: Options) -> Self {
        Self {
            space: Arc::clone(&problem.space),
            fidelity: problem.full_fidelity(),
            options,
            parents: Vec::new(),
            n_told: 0,
        }
    }

    fn propose(&self, rng: &mut Rng) -> Result<Proposal, ComponentError> {
        let is_fresh = self.n_told < self.options.n_initial || rng.uniform() < self.options.fresh;
        if !is_fresh
            && let Some(parent) = rng.choose(&self.parents)
            && let Some(changed) = self.space.mutate(&parent.configuration, rng)
        {
            // An estimator that can lets the trial inherit the weights of its parent.
            let parent = Some(parent.trial);
            return Ok(Proposal {
                parent,
                ..Proposal::new(changed, self.fidelity.clone())
            });
        }
        let drawn = self
            .space
            .sample(rng)
            .map_err(|error| ComponentError::failed(error.to_string()))?;
        Ok(Proposal::new(drawn, self.fidelity.clone()))
    }
}

impl Strategy for Search {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        // `request.rng` is the only source of randomness: the same seed gives the same search.
        // Trials that are still running, `request.pending`, need no thought here.
        (0..request.n)
            .map(|index| self.propose(&mut request.rng(index)))
            .collect()
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        for observation in observations {
            self.n_told += 1;
            // Objectives are minimised, whatever the user's direction is; a failed trial has none.
            let Some(objective) = observation.objective() else {
                continue;
            };
            let place = self
                .parents
                .partition_point(|parent| parent.objective <= objective);
            let trial = observation.trial;
            let configuration = observation.configuration.clone();
            self.parents.insert(
                place,
                Parent {
                    trial,
                    configuration,
                    objective,
                },
            );
            self.parents.truncate(self.options.n_parents);
        }
        Ok(())
    }
}
