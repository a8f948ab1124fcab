//! Independent draws: the baseline that every table carries.

use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Fidelity, Observation, Problem, Proposal, Space, Strategy,
};

/// Draws every configuration from its trial's own generator, so that trials do not depend on how many are asked
/// for at once, nor on any result.
#[derive(Debug)]
pub struct Random {
    space: Arc<Space>,
    fidelity: Fidelity,
    priors: bool,
}

impl Random {
    /// Random search over `problem`; from the parameters' priors where `priors` is set.
    pub fn new(problem: &Problem, priors: bool) -> Self {
        Self { space: Arc::clone(&problem.space), fidelity: problem.full_fidelity(), priors }
    }
}

impl Strategy for Random {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let draw = |index| {
            let mut rng = request.rng(index);
            let drawn =
                if self.priors { self.space.sample_prior(&mut rng) } else { self.space.sample(&mut rng) };
            let configuration = drawn.map_err(|error| ComponentError::failed(error.to_string()))?;
            Ok(Proposal::new(configuration, self.fidelity.clone()))
        };
        (0..request.n).map(draw).collect()
    }

    fn tell(&mut self, _observations: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}
