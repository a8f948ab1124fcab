//! Frames whose settings are searched together with the architecture.

use heirloom_model::{Configuration, Space};

use crate::{Frame, Network, NetworkError};

impl Frame {
    /// The network of a configuration; `None` where the space has no architectures. A hyperparameter with the name of a
    /// setting (`width`, `stem_channels`, `cells_per_stage`, `n_stages`, `cells`, `head_channels`) takes the setting's
    /// place, as it does in a training.
    ///
    /// Errors as [`network`](Self::network) does, and with [`NetworkError::Architecture`] for a configuration that is no
    /// architecture of the space.
    pub fn network_of(
        &self,
        space: &Space,
        configuration: &Configuration,
    ) -> Option<Result<Network, NetworkError>> {
        let spec = space.architecture_spec()?;
        let graph = space.architecture(configuration)?;
        let graph = graph.map_err(|error| NetworkError::Architecture { problem: error.to_string() });
        Some(graph.and_then(|graph| self.searched(space, configuration).network(spec, &graph)))
    }

    fn searched(&self, space: &Space, configuration: &Configuration) -> Self {
        let mut frame = self.clone();
        for parameter in &space.spec().parameters {
            let Some(value) = space.value(configuration, &parameter.name).and_then(|value| value.as_f64())
            else {
                continue;
            };
            // A number below 0 becomes 0: no cells, which `check` refuses, or no stem.
            let count = value as usize;
            match parameter.name.as_str() {
                "width" => frame.width = value,
                "stem_channels" => frame.stem_channels = Some(count),
                "cells_per_stage" => frame.cells_per_stage = Some(count),
                "n_stages" => frame.n_stages = count,
                "cells" => frame.cells = Some(count),
                "head_channels" => frame.head_channels = Some(count),
                _ => {}
            }
        }
        frame
    }
}
