//! The proxy: a count as a score.

use std::sync::Arc;

use heirloom_network::{Frame, Network};
use heirloom_plugin::{
    ComponentError, Configuration, Direction, Problem, Proxy, ProxyInfo, ProxyNeeds, Seed, Space, tracing,
};

use crate::{Measure, Options};

/// Scores a configuration by what its network costs.
#[derive(Debug, Clone)]
pub struct CostProxy {
    space: Arc<Space>,
    frame: Frame,
    measure: Measure,
}

impl CostProxy {
    /// The proxy for `problem`'s space, which must hold architectures of layers that are known.
    pub fn new(options: &Options, problem: &Problem) -> Result<Self, ComponentError> {
        let Some(spec) = problem.space.architecture_spec() else {
            return Err(ComponentError::unsupported(
                "`cost` counts what an architecture costs, and the space has none; hint: add an `[architecture]` to \
                 the space or leave the proxy out",
            ));
        };
        Frame::check_space(spec).map_err(|error| ComponentError::unsupported(error.to_string()))?;
        let frame = options.frame();
        frame.check(spec).map_err(|error| ComponentError::configuration(error.to_string()))?;
        Ok(Self { space: Arc::clone(&problem.space), frame, measure: options.measure })
    }

    /// The network of a configuration; `None` for a configuration that has none.
    pub fn network(&self, configuration: &Configuration) -> Option<Network> {
        let network = self.frame.network_of(&self.space, configuration)?;
        network.inspect_err(|error| tracing::debug!(%error, "a configuration has no network")).ok()
    }
}

impl Proxy for CostProxy {
    fn info(&self) -> ProxyInfo {
        ProxyInfo {
            // The larger network is the better one more often than not (Krishnakumar et al. 2022).
            direction: Direction::Maximise,
            cost_seconds: 1.5e-4,
            needs: ProxyNeeds::Nothing,
            unit: self.measure.unit().into(),
        }
    }

    fn score(
        &self,
        configurations: &[Configuration],
        _seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        if configurations.len() != scores.len() {
            let (n, m) = (configurations.len(), scores.len());
            return Err(ComponentError::failed(format!("{n} configurations and room for {m} scores")));
        }
        for (configuration, score) in configurations.iter().zip(scores) {
            let network = self.network(configuration);
            *score = network.map_or(f64::NAN, |network| self.measure.of(&network) as f64);
        }
        Ok(())
    }
}
