//! The trait of scores that need no training.

use serde::{Deserialize, Serialize};

use crate::{ComponentError, Configuration, Direction, Seed};

/// The smallest share of proposals that the proxies of a run may let pass: a thousand are then scored for one trial.
pub const MIN_KEPT: f64 = 1e-3;

/// What a proxy says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyInfo {
    /// Whether a larger score promises a better or a worse configuration.
    pub direction: Direction,
    /// Rough seconds for one score.
    pub cost_seconds: f64,
    /// What it must be given.
    pub needs: ProxyNeeds,
    /// The unit of a score, such as `parameters` or `FLOPs`; empty where there is none.
    pub unit: String,
}

/// What a proxy must be given to score a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyNeeds {
    /// The configuration alone.
    Nothing,
    /// A batch of inputs.
    Inputs,
    /// A batch of inputs with labels.
    Labels,
    /// Inputs, labels and gradients.
    Gradients,
}

/// Scores configurations without training them.
pub trait Proxy: Send + Sync {
    /// What this proxy measures.
    fn info(&self) -> ProxyInfo;

    /// Scores `configurations` into `scores`, `[n]` both. A configuration that cannot be scored gets NaN.
    fn score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError>;
}
