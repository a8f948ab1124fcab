//! One point of a space.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One point of a [`Space`](super::Space): architecture and hyperparameters alike.
///
/// Holds `[d]` numbers, one for each parameter in the space's order: the number itself for floats and ints, the
/// index of the choice for categorical and ordinal parameters, 0 for constants, NaN where the parameter is
/// inactive. Two configurations are equal when they have the same bits; zeros and NaNs are made uniform first.
#[derive(Debug, Clone)]
pub struct Configuration {
    values: Box<[f64]>,
}

impl Configuration {
    /// A configuration of the given values, unchecked: see [`Space::check`](super::Space::check).
    pub fn new(values: impl Into<Box<[f64]>>) -> Self {
        let mut values = values.into();
        for value in &mut values {
            if value.is_nan() {
                *value = f64::NAN;
            } else if *value == 0.0 {
                *value = 0.0;
            }
        }
        Self { values }
    }

    /// The values, `[d]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn bits(&self) -> impl Iterator<Item = u64> {
        self.values.iter().map(|value| value.to_bits())
    }
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        self.values.len() == other.values.len() && self.bits().eq(other.bits())
    }
}

impl Eq for Configuration {}

impl Hash for Configuration {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values.len().hash(state);
        self.bits().for_each(|bits| bits.hash(state));
    }
}

impl Serialize for Configuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.values.iter().map(|value| (!value.is_nan()).then_some(*value)))
    }
}

impl<'de> Deserialize<'de> for Configuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(Self::new(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<_>>()))
    }
}
