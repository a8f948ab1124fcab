//! One point of a space.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One point of a [`Space`](super::Space): architecture and hyperparameters alike.
///
/// Holds `[d]` numbers, one for each parameter in the space's order: the number itself for floats and ints, the
/// index of the choice for categorical and ordinal parameters, 0 for constants, NaN where the parameter is
/// inactive. Two configurations are equal when they have the same bits; zeros and NaNs are made uniform first.
#[derive(Clone)]
pub struct Configuration(Values);

/// Configurations of at most this many values own no memory elsewhere: batches of them are made, sent and dropped all
/// the time, and the allocator would take longer than everything else that happens to a row.
const N_INLINE: usize = 8;

#[derive(Clone)]
enum Values {
    /// The first `len` count.
    Inline {
        len: u8,
        values: [f64; N_INLINE],
    },
    Boxed(Box<[f64]>),
}

impl Configuration {
    /// A configuration of the given values, unchecked: see [`Space::check`](super::Space::check).
    // Always inlined: batches call it in loops, and the numbers then go from one place to the other by registers.
    #[inline(always)]
    pub fn new(values: impl AsRef<[f64]>) -> Self {
        let values = values.as_ref();
        if values.len() <= N_INLINE {
            let value = |index| values.get(index).map_or(f64::NAN, |&value| uniform(value));
            Self(Values::Inline { len: values.len() as u8, values: std::array::from_fn(value) })
        } else {
            Self(Values::Boxed(values.iter().map(|&value| uniform(value)).collect()))
        }
    }

    /// The configuration whose value `index` is `value(index, values)`; of `values`, those that have no value yet are NaN.
    #[inline]
    pub(super) fn by_index(n_values: usize, mut value: impl FnMut(usize, &[f64]) -> f64) -> Self {
        // Each value is made uniform as it is written: whole arrays that were just written in parts are slow to read.
        let mut fill = |values: &mut [f64]| {
            for index in 0..values.len() {
                values[index] = uniform(value(index, values));
            }
        };
        if n_values <= N_INLINE {
            let mut values = [f64::NAN; N_INLINE];
            fill(&mut values[..n_values]);
            Self(Values::Inline { len: n_values as u8, values })
        } else {
            let mut values = vec![f64::NAN; n_values].into_boxed_slice();
            fill(&mut values);
            Self(Values::Boxed(values))
        }
    }

    /// The values, `[d]`.
    #[inline]
    pub fn values(&self) -> &[f64] {
        match &self.0 {
            Values::Inline { len, values } => &values[..usize::from(*len)],
            Values::Boxed(values) => values,
        }
    }

    fn bits(&self) -> impl Iterator<Item = u64> {
        self.values().iter().map(|value| value.to_bits())
    }
}

/// The value, but with the same bits for all zeros and for all NaNs.
#[inline]
fn uniform(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value + 0.0 }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Configuration").field(&self.values()).finish()
    }
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        self.values().len() == other.values().len() && self.bits().eq(other.bits())
    }
}

impl Eq for Configuration {}

impl Hash for Configuration {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values().len().hash(state);
        self.bits().for_each(|bits| bits.hash(state));
    }
}

impl Serialize for Configuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.values().iter().map(|value| (!value.is_nan()).then_some(*value)))
    }
}

impl<'de> Deserialize<'de> for Configuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(deserializer)?;
        Ok(Self::new(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn values_inline_and_boxed_behave_alike() {
        for n in [0, 1, N_INLINE - 1, N_INLINE, N_INLINE + 1, 40] {
            let odd_nan = f64::from_bits(f64::NAN.to_bits() | 1);
            let signed = |zero: f64, nan: f64| -> Configuration {
                let value = |index| [zero, 0.1 * index as f64 - 1.0, nan][index % 3];
                Configuration::new((0..n).map(value).collect::<Vec<f64>>())
            };
            let (one, other) = (signed(0.0, f64::NAN), signed(-0.0, -odd_nan));
            assert_eq!(one, other);
            let bits = |configuration: &Configuration| configuration.bits().collect::<Vec<_>>();
            assert_eq!(bits(&one), bits(&other));
            assert_eq!(HashSet::from([one.clone(), other]).len(), 1);
            assert_eq!(one.values().len(), n);
            let filled = Configuration::by_index(n, |index, before| {
                assert!(before.len() == n && before[index..].iter().all(|value| value.is_nan()));
                [-0.0, 0.1 * index as f64 - 1.0, -f64::NAN][index % 3]
            });
            assert_eq!(filled, one);
            let written = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<Configuration>(&written).unwrap(), one);
            let longer = Configuration::new([one.values(), &[f64::NAN]].concat());
            assert_ne!(longer, one, "what fills the place of missing values does not count");
        }
    }
}
