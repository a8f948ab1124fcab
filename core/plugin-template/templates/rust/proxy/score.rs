//! The score: it knows nothing of libraries.

use std::sync::Arc;

use heirloom_plugin::{
    ComponentError, Configuration, Direction, Problem, Proxy, ProxyInfo, ProxyNeeds, Seed, Space,
};

use crate::Options;

/// Counts the weights of the network that a configuration describes.
pub struct Weights {
    space: Arc<Space>,
    options: Options,
}

impl Weights {
    /// The proxy for `problem`, whose space must have the two parameters that `options` name.
    pub fn new(options: Options, problem: &Problem) -> Result<Self, ComponentError> {
        for (option, name) in [("layers", &options.layers), ("width", &options.width)] {
            if problem.space.index_of(name).is_none() {
                return Err(ComponentError::unsupported(format!(
                    "the space has no parameter `{name}`; hint: name another with `{option} = \"…\"`"
                )));
            }
        }
        Ok(Self {
            space: Arc::clone(&problem.space),
            options,
        })
    }

    fn number(&self, configuration: &Configuration, name: &str) -> Option<f64> {
        self.space.value(configuration, name)?.as_f64()
    }

    /// How many weights and biases the network has; `None` where the configuration does not say.
    pub fn count(&self, configuration: &Configuration) -> Option<f64> {
        self.space.check(configuration).ok()?;
        let layers = self.number(configuration, &self.options.layers)?;
        let width = self.number(configuration, &self.options.width)?;
        let (inputs, outputs) = (
            f64::from(self.options.inputs),
            f64::from(self.options.outputs),
        );
        let between = (layers - 1.0).max(0.0) * (width + 1.0) * width;
        Some((inputs + 1.0) * width + between + (width + 1.0) * outputs)
    }
}

impl Proxy for Weights {
    fn info(&self) -> ProxyInfo {
        ProxyInfo {
            // A larger score promises a better configuration.
            direction: Direction::Maximise,
            cost_seconds: 1e-6,
            needs: ProxyNeeds::Nothing,
            unit: "weights".into(),
        }
    }

    // It may be called from several threads at once: nothing here changes.
    fn score(
        &self,
        configurations: &[Configuration],
        _seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        for (configuration, score) in configurations.iter().zip(scores) {
            // A configuration that cannot be scored gets NaN.
            *score = self.count(configuration).unwrap_or(f64::NAN);
        }
        Ok(())
    }
}
