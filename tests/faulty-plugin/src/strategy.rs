//! The faulty strategy, and one that wraps another.

use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Context, Fidelity, NestedStrategy, Observation, PluginOptions,
    Problem, Proposal, Space, Strategy, TrialId, tracing,
};

use crate::fault::{Fault, Options};

struct Faulty {
    options: Options,
    space: Arc<Space>,
    fidelity: Fidelity,
    /// Told objectives: proposals depend on them, so that a replay that leaves one out is seen.
    sum: f64,
}

pub(crate) fn faulty(
    options: Options,
    problem: &Problem,
    _: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    assert!(options.fault != Fault::PanicNew, "faulty on purpose");
    let (space, fidelity) = (Arc::clone(&problem.space), problem.full_fidelity());
    Ok(Box::new(Faulty { options, space, fidelity, sum: 0.0 }))
}

impl Strategy for Faulty {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        tracing::info!(n = request.n, "asked");
        let mut proposals = Vec::new();
        for index in 0..request.n {
            let fault = self.options.strike(TrialId(request.first_trial.0 + index as u64));
            let mut rng = request
                .seed
                .derive("faulty", request.first_trial.0 + index as u64 + self.sum.to_bits())
                .rng();
            let configuration = match fault {
                Fault::BadNumber => Configuration::new(vec![1e9; self.space.parameters().len()]),
                _ => {
                    self.space.sample(&mut rng).map_err(|error| ComponentError::failed(error.to_string()))?
                }
            };
            proposals.push(Proposal::new(configuration, self.fidelity.clone()));
            if fault == Fault::BadCount {
                proposals.push(proposals[0].clone());
            }
        }
        Ok(proposals)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        for observation in observations {
            let struck = observation.trial.0 == self.options.at;
            assert!(!(struck && self.options.fault == Fault::PanicTell), "faulty on purpose");
            self.sum += observation.objective().unwrap_or(0.0);
        }
        Ok(())
    }

    fn recommend(&self) -> Result<Option<TrialId>, ComponentError> {
        Ok(Some(TrialId(self.options.at)))
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        assert!(self.options.fault != Fault::PanicDrop, "faulty on purpose");
    }
}

/// Which strategy is wrapped.
#[derive(Debug, Clone, PluginOptions)]
pub(crate) struct WrapperOptions {
    /// The strategy that does the work.
    base: NestedStrategy,
}

struct Wrapper {
    base: Box<dyn Strategy>,
}

pub(crate) fn wrapper(
    options: WrapperOptions,
    problem: &Problem,
    context: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    Ok(Box::new(Wrapper { base: options.base.make(problem, context)? }))
}

impl Strategy for Wrapper {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.base.ask(request)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.base.tell(observations)
    }
}
