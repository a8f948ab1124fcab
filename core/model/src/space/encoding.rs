//! Configurations as vectors of fixed length, for surrogates; and the keys that tell configurations apart.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::architecture::ArchitectureKey;

use super::{Configuration, ParameterKind, Space, SpaceError};

/// What tells configurations of all spaces apart: SHA-256 of the space's identity and the values, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigurationKey(pub String);

impl fmt::Display for ConfigurationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Space {
    /// The length of [`encode`](Self::encode)'s vectors.
    pub fn encoding_width(&self) -> usize {
        (0..self.parameters().len()).map(|index| self.width(index)).sum()
    }

    /// A configuration as numbers in `0..=1`, `[encoding_width]`, parameter by parameter:
    ///
    /// | parameter | columns | inactive |
    /// |---|---|---|
    /// | categorical, `n` choices | `n`: 1 at the choice, 0 elsewhere | all 0 |
    /// | float, int, ordinal | 1: its place in the range, see [`Parameter::to_unit`](super::Parameter::to_unit) | |
    /// | the same under a condition | 2: whether it is active, its place | 0, the default's place |
    /// | constant | none | |
    ///
    /// For cells it is the one-hot adjacency encoding (White et al. 2020, "A Study on Encodings for Neural
    /// Architecture Search"): a column for each operation on each edge, or for each edge and each node's operation.
    ///
    /// # Panics
    ///
    /// When the configuration has another length than the space; see [`check`](Self::check).
    pub fn encode(&self, configuration: &Configuration) -> Vec<f64> {
        let mut encoded = Vec::with_capacity(self.encoding_width());
        self.encode_into(configuration, &mut encoded);
        encoded
    }

    /// Appends what [`encode`](Self::encode) gives to `encoded`: rows of a matrix, one after the other.
    pub fn encode_into(&self, configuration: &Configuration, encoded: &mut Vec<f64>) {
        let values = configuration.values();
        assert_eq!(values.len(), self.parameters().len(), "the configuration is one of this space");
        for (index, parameter) in self.parameters().iter().enumerate() {
            let value = values[index];
            match &parameter.kind {
                ParameterKind::Constant { .. } => {}
                ParameterKind::Categorical { choices } => {
                    encoded.extend((0..choices.len()).map(|choice| f64::from(choice as f64 == value)));
                }
                ParameterKind::Float { .. } | ParameterKind::Int { .. } | ParameterKind::Ordinal { .. } => {
                    if self.condition(index).is_some() {
                        encoded.push(f64::from(!value.is_nan()));
                    }
                    encoded.push(parameter.to_unit(if value.is_nan() { parameter.default } else { value }));
                }
            }
        }
    }

    /// The key of a configuration: two have the same exactly when they are equal and of spaces that mean the same.
    pub fn configuration_key(&self, configuration: &Configuration) -> ConfigurationKey {
        let mut hasher = Sha256::new();
        hasher.update(self.hash().0.as_bytes());
        configuration.values().iter().for_each(|value| hasher.update(value.to_le_bytes()));
        ConfigurationKey(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The key of the network that a configuration decodes to: isomorphic cells share it, whatever their
    /// hyperparameters. `None` where the space holds no architectures.
    pub fn architecture_key(
        &self,
        configuration: &Configuration,
    ) -> Option<Result<ArchitectureKey, SpaceError>> {
        self.architecture(configuration).map(|graph| graph.map(|graph| graph.key()))
    }

    /// Columns of parameter `index`.
    fn width(&self, index: usize) -> usize {
        match &self.parameters()[index].kind {
            ParameterKind::Constant { .. } => 0,
            ParameterKind::Categorical { choices } => choices.len(),
            ParameterKind::Float { .. } | ParameterKind::Int { .. } | ParameterKind::Ordinal { .. } => {
                1 + usize::from(self.condition(index).is_some())
            }
        }
    }
}

#[cfg(test)]
mod tests;
