//! The proxy: a count as a score.

use std::sync::Arc;

use heirloom_plugin::{
    ComponentError, Configuration, Direction, Problem, Proxy, ProxyInfo, ProxyNeeds, Seed, Space,
};

use crate::{Measure, Network, Options, Tally};

/// Scores a configuration by what its network costs.
#[derive(Debug, Clone)]
pub struct CostProxy {
    space: Arc<Space>,
    network: Network,
    measure: Measure,
}

impl CostProxy {
    /// The proxy for `problem`'s space, whose architectures must be of a kind whose cost is known.
    pub fn new(options: Options, problem: &Problem) -> Result<Self, ComponentError> {
        let Some(spec) = problem.space.architecture_spec() else {
            return Err(ComponentError::unsupported(
                "`cost` counts what an architecture costs, and the space has none; hint: add an `[architecture]` to \
                 the space or leave the proxy out",
            ));
        };
        let measure = options.measure;
        Ok(Self { network: Network::new(options, spec)?, measure, space: Arc::clone(&problem.space) })
    }

    /// What a configuration's network costs; `None` for a configuration that has none.
    pub fn tally(&self, configuration: &Configuration) -> Option<Tally> {
        self.network.tally(&self.space.architecture(configuration)?.ok()?)
    }
}

impl Proxy for CostProxy {
    fn info(&self) -> ProxyInfo {
        let unit = match self.measure {
            Measure::Parameters => "parameters",
            Measure::Flops => "FLOPs",
            Measure::MultiplyAdds => "multiply-adds",
        };
        ProxyInfo {
            // The larger network is the better one more often than not (Krishnakumar et al. 2022).
            direction: Direction::Maximise,
            cost_seconds: 1e-5,
            needs: ProxyNeeds::Nothing,
            unit: unit.into(),
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
            *score = self.tally(configuration).map_or(f64::NAN, |tally| match self.measure {
                Measure::Parameters => tally.parameters as f64,
                Measure::Flops => tally.flops() as f64,
                Measure::MultiplyAdds => tally.multiply_adds as f64,
            });
        }
        Ok(())
    }
}
