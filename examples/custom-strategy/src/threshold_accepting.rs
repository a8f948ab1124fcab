//! Threshold accepting.
//!
//! Source: Dueck and Scheuer 1990, "Threshold Accepting: A General Purpose Optimization Algorithm Appearing Superior
//! to Simulated Annealing".

use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Fidelity, Observation, Problem, Proposal, Rng, Space, Strategy,
    TrialId,
};

use crate::Options;

/// A walk over neighbours that takes steps to slightly worse ones.
pub struct ThresholdAccepting {
    space: Arc<Space>,
    fidelity: Fidelity,
    options: Options,
    /// Where the walk stands.
    place: Option<Place>,
    /// The results of the first `options.n_initial` trials that succeeded.
    initial: Vec<f64>,
    /// How many trials ended after those.
    n_steps: i32,
}

struct Place {
    trial: TrialId,
    configuration: Configuration,
    objective: f64,
}

impl ThresholdAccepting {
    /// A walk over the space of `problem`.
    pub fn new(problem: &Problem, options: Options) -> Self {
        Self {
            space: Arc::clone(&problem.space),
            fidelity: problem.full_fidelity(),
            options,
            place: None,
            initial: Vec::new(),
            n_steps: 0,
        }
    }

    fn is_initial(&self) -> bool {
        self.initial.len() < self.options.n_initial
    }

    /// How much worse the next step may be.
    fn threshold(&self) -> f64 {
        let n = self.initial.len() as f64;
        let mean = self.initial.iter().sum::<f64>() / n;
        let variance = self.initial.iter().map(|objective| (objective - mean).powi(2)).sum::<f64>() / n;
        self.options.threshold * variance.sqrt() * self.options.cooling.powi(self.n_steps)
    }

    /// A neighbour of where the walk stands; a random configuration as long as it has not begun.
    fn propose(&self, rng: &mut Rng) -> Result<Proposal, ComponentError> {
        if !self.is_initial()
            && let Some(place) = &self.place
            && let Some(neighbour) = self.space.mutate(&place.configuration, rng)
        {
            // An estimator that can lets the trial inherit the weights of its parent.
            let parent = Some(place.trial);
            return Ok(Proposal { parent, ..Proposal::new(neighbour, self.fidelity.clone()) });
        }
        let drawn = self.space.sample(rng).map_err(|error| ComponentError::failed(error.to_string()))?;
        Ok(Proposal::new(drawn, self.fidelity.clone()))
    }
}

impl Strategy for ThresholdAccepting {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        // `request.rng` is the only source of randomness: the same seed gives the same search. Trials that are
        // still running, `request.pending`, need no thought here.
        (0..request.n).map(|index| self.propose(&mut request.rng(index))).collect()
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        for observation in observations {
            let was_initial = self.is_initial();
            self.n_steps += i32::from(!was_initial);
            // A failed trial has no objective: the walk stays where it is.
            let Some(objective) = observation.objective() else { continue };
            // Objectives are minimised, whatever the user's direction is.
            let limit = match &self.place {
                None => f64::INFINITY,
                Some(place) if was_initial => place.objective,
                Some(place) => place.objective + self.threshold(),
            };
            if was_initial {
                self.initial.push(objective);
            }
            if objective < limit {
                self.place = Some(Place {
                    trial: observation.trial,
                    configuration: observation.configuration.clone(),
                    objective,
                });
            }
        }
        Ok(())
    }
}
