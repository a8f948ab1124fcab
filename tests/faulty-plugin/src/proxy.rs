//! The faulty proxy.

use heirloom_plugin::{
    ComponentError, Configuration, Context, Direction, Problem, Proxy, ProxyInfo, ProxyNeeds, Seed, TrialId,
};

use crate::fault::{Fault, Options};

struct Faulty {
    options: Options,
}

pub(crate) fn faulty(options: Options, _: &Problem, _: &Context) -> Result<Box<dyn Proxy>, ComponentError> {
    assert!(options.fault != Fault::PanicNew, "faulty on purpose");
    Ok(Box::new(Faulty { options }))
}

impl Proxy for Faulty {
    fn info(&self) -> ProxyInfo {
        let (direction, needs) = (Direction::Minimise, ProxyNeeds::Nothing);
        ProxyInfo { direction, cost_seconds: 1e-8, needs, unit: String::new() }
    }

    fn score(
        &self,
        configurations: &[Configuration],
        _: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        self.options.strike(TrialId(configurations.len() as u64));
        for (configuration, score) in configurations.iter().zip(scores) {
            *score = configuration.values().iter().sum();
        }
        Ok(())
    }
}
