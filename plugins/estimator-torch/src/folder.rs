//! The files of a trial.

use std::path::{Path, PathBuf};

use heirloom_network::{Network, Preparation};
use heirloom_plugin::TrialId;
use heirloom_torch_nets::Weights;
use heirloom_torch_nets::checkpoint::{CheckpointError, read_weights, write_file, write_weights};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::Device;

/// `trial-N` in the run's folder.
#[derive(Debug, Clone)]
pub(crate) struct TrialFolder(PathBuf);

impl TrialFolder {
    pub(crate) fn new(run: &Path, trial: TrialId) -> Self {
        Self(run.join(format!("trial-{trial}")))
    }

    /// What a training goes on from.
    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("state.safetensors")
    }

    fn network(&self) -> PathBuf {
        self.0.join("network.json")
    }

    fn weights(&self) -> PathBuf {
        self.0.join("weights.safetensors")
    }

    /// Writes a trained network.
    ///
    /// The weights come last: where they are, the rest is.
    pub(crate) fn keep(
        &self,
        network: &Network,
        preparation: &Preparation,
        weights: &Weights,
    ) -> Result<(), CheckpointError> {
        write_file(&self.network(), &json(network))?;
        write_file(&self.0.join("preparation.json"), &json(preparation))?;
        write_weights(&self.weights(), weights)
    }

    /// Reads a trained network.
    pub(crate) fn trained(&self, device: Device) -> Result<(Network, Weights), CheckpointError> {
        let network: Network = read_json(&self.network())?;
        let weights = read_weights(&self.weights(), &network, device)?;
        Ok((network, weights))
    }

    /// Removes what a training goes on from.
    pub(crate) fn forget_state(&self) {
        // There may be none, and one that stays does no harm.
        let _ = std::fs::remove_file(self.state());
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("names and finite numbers are JSON")
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, CheckpointError> {
    let bytes = std::fs::read(path).map_err(|source| CheckpointError::Io {
        action: "read",
        path: path.into(),
        source,
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| CheckpointError::Unusable { path: path.into(), problem: error.to_string() })
}
