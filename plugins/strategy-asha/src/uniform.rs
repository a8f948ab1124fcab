//! The base where none is named.

use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Fidelity, Observation, Problem, Proposal, Space, Strategy,
};

/// Proposes uniform draws of the space.
pub(crate) struct UniformDraws {
    space: Arc<Space>,
    fidelity: Fidelity,
}

impl UniformDraws {
    pub(crate) fn new(problem: &Problem) -> Self {
        Self { space: Arc::clone(&problem.space), fidelity: problem.full_fidelity() }
    }
}

impl Strategy for UniformDraws {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let draw = |index| {
            let drawn = self.space.sample(&mut request.rng(index));
            let configuration = drawn.map_err(|error| ComponentError::failed(error.to_string()))?;
            Ok(Proposal::new(configuration, self.fidelity.clone()))
        };
        (0..request.n).map(draw).collect()
    }

    fn tell(&mut self, _observations: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}
