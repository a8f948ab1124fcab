//! One parameter: its kind, its range, and its map to and from the unit interval.

use crate::{Rng, Value};

use super::SpaceError;

/// What may vary in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name, unique in the space.
    pub name: String,
    /// Its kind and range.
    pub kind: ParameterKind,
    /// The value it has where nothing else is said, as in a configuration.
    pub default: f64,
    /// Where good values are expected.
    pub prior: Option<Prior>,
}

/// A parameter's kind and range.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterKind {
    /// A real number in `low..=high`; on a grid of `step` from `low` where there is one.
    Float {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Whether ratios count, not differences.
        log: bool,
        /// Distance between neighbouring values.
        step: Option<f64>,
    },
    /// A whole number in `low..=high`, `step` apart from `low`.
    Int {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
        /// Whether ratios count, not differences.
        log: bool,
        /// Distance between neighbouring values.
        step: i64,
    },
    /// One of several choices without order.
    Categorical {
        /// The choices.
        choices: Vec<Value>,
    },
    /// One of several values in order.
    Ordinal {
        /// The values, ascending in meaning.
        values: Vec<Value>,
    },
    /// Always the same.
    Constant {
        /// The value.
        value: Value,
    },
}

/// Where good values of a parameter are expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Prior {
    /// Normal around `mean` with standard deviation `std`, in unit coordinates (see [`Parameter::to_unit`]),
    /// truncated to the range.
    Normal {
        /// Centre in `0..=1`.
        mean: f64,
        /// Width in `0..`.
        std: f64,
    },
    /// A weight for each choice.
    Weights(Vec<f64>),
}

impl ParameterKind {
    /// The values of a kind that lists them.
    pub fn listed(&self) -> Option<&[Value]> {
        match self {
            Self::Categorical { choices: values } | Self::Ordinal { values } => Some(values),
            Self::Constant { value } => Some(std::slice::from_ref(value)),
            Self::Float { .. } | Self::Int { .. } => None,
        }
    }
}

impl Parameter {
    /// How many values it has; `None`: infinitely many.
    pub fn n_values(&self) -> Option<u64> {
        match &self.kind {
            ParameterKind::Float { low, high, .. } if low == high => Some(1),
            ParameterKind::Float { step: None, .. } => None,
            ParameterKind::Float { low, high, step: Some(step), .. } => {
                Some(((high - low) / step + 1e-9).floor() as u64 + 1)
            }
            ParameterKind::Int { low, high, step, .. } => Some(((high - low) / step) as u64 + 1),
            ParameterKind::Categorical { choices: values } | ParameterKind::Ordinal { values } => {
                Some(values.len() as u64)
            }
            ParameterKind::Constant { .. } => Some(1),
        }
    }

    /// The value with number `index` among [`n_values`](Self::n_values).
    pub fn nth_value(&self, index: u64) -> f64 {
        match &self.kind {
            ParameterKind::Float { low, high, step, .. } => {
                step.map_or(*low, |step| (low + step * index as f64).min(*high))
            }
            ParameterKind::Int { low, step, .. } => (low + step * index as i64) as f64,
            ParameterKind::Categorical { .. } | ParameterKind::Ordinal { .. } => index as f64,
            ParameterKind::Constant { .. } => 0.0,
        }
    }

    /// Whether its values have no order.
    pub fn is_categorical(&self) -> bool {
        matches!(self.kind, ParameterKind::Categorical { .. })
    }

    /// Maps a value to `0..=1`: by its logarithm where the parameter is logarithmic, to the middle of the `n`-th
    /// part of the interval where it is one of `n` values.
    pub fn to_unit(&self, value: f64) -> f64 {
        match (&self.kind, self.n_values()) {
            (ParameterKind::Float { low, high, log, step: None }, None) => {
                if *log {
                    (value / low).ln() / (high / low).ln()
                } else {
                    (value - low) / (high - low)
                }
            }
            (ParameterKind::Int { low, high, log: true, step }, _) => {
                let (from, to) = log_ends(*low, *high, *step);
                (value / from).ln() / (to / from).ln()
            }
            (_, Some(n)) => (self.value_index(value) + 0.5) / n as f64,
            (_, None) => unreachable!("only floats without a step have infinitely many values"),
        }
    }

    /// The inverse of [`to_unit`](Self::to_unit): the value nearest to a point of `0..=1`.
    pub fn from_unit(&self, unit: f64) -> f64 {
        let unit = unit.clamp(0.0, 1.0);
        match (&self.kind, self.n_values()) {
            (ParameterKind::Float { low, high, log, step: None }, None) => {
                let value =
                    if *log { low * (unit * (high / low).ln()).exp() } else { low + unit * (high - low) };
                value.clamp(*low, *high)
            }
            (ParameterKind::Int { low, high, log: true, step }, _) => {
                let (from, to) = log_ends(*low, *high, *step);
                let value = from * (unit * (to / from).ln()).exp();
                let index = ((value - *low as f64) / *step as f64).round().max(0.0) as i64;
                (low + step * index.min((high - low) / step)) as f64
            }
            (_, Some(n)) => self.nth_value(((unit * n as f64) as u64).min(n - 1)),
            (_, None) => unreachable!("only floats without a step have infinitely many values"),
        }
    }

    /// A value drawn uniformly in unit coordinates.
    pub fn sample(&self, rng: &mut Rng) -> f64 {
        match (&self.kind, self.n_values()) {
            (ParameterKind::Float { step: None, .. } | ParameterKind::Int { log: true, .. }, _)
            | (_, None) => self.from_unit(rng.uniform()),
            (_, Some(n)) => self.nth_value(rng.below(n as usize) as u64),
        }
    }

    /// A value drawn from the prior; uniformly where there is none.
    pub fn sample_prior(&self, rng: &mut Rng) -> f64 {
        match &self.prior {
            None => self.sample(rng),
            Some(Prior::Weights(weights)) => {
                rng.weighted(weights).map_or_else(|| self.sample(rng), |index| self.nth_value(index as u64))
            }
            Some(Prior::Normal { mean, std }) => {
                let within =
                    (0..100).map(|_| mean + std * rng.normal()).find(|unit| (0.0..=1.0).contains(unit));
                self.from_unit(within.unwrap_or(*mean))
            }
        }
    }

    /// Checks that `value` is one of this parameter's.
    pub fn check(&self, value: f64) -> Result<(), SpaceError> {
        let allowed = match &self.kind {
            ParameterKind::Float { low, high, step, .. } => {
                let on_grid = step.is_none_or(|step| {
                    let index = ((value - low) / step).round();
                    (low + index * step - value).abs() <= 1e-9 * step.max(value.abs())
                });
                (*low..=*high).contains(&value) && on_grid
            }
            ParameterKind::Int { low, high, step, .. } => {
                value.fract() == 0.0
                    && (*low as f64..=*high as f64).contains(&value)
                    && (value as i64 - low) % step == 0
            }
            ParameterKind::Categorical { choices: values } | ParameterKind::Ordinal { values } => {
                value.fract() == 0.0 && (0.0..values.len() as f64).contains(&value)
            }
            ParameterKind::Constant { .. } => value == 0.0,
        };
        if allowed { Ok(()) } else { Err(self.out_of_bounds(&value.to_string())) }
    }

    /// A configuration's number as a person writes it: one on a grid without the noise of computing it, so that three
    /// steps of `0.1` are `0.3`. [`from_value`](Self::from_value) gives the same number again.
    pub fn to_value(&self, value: f64) -> Value {
        match &self.kind {
            ParameterKind::Float { low, high, step: Some(step), .. } => {
                Value::Float(shortest(value, 1e-9 * step).clamp(*low, *high))
            }
            ParameterKind::Float { step: None, .. } => Value::Float(value),
            ParameterKind::Int { .. } => Value::Int(value as i64),
            ParameterKind::Categorical { choices: values } | ParameterKind::Ordinal { values } => values
                .get(value as usize)
                .cloned()
                .unwrap_or_else(|| Value::Text(format!("choice {value} of {}", values.len()))),
            ParameterKind::Constant { value } => value.clone(),
        }
    }

    /// The number that stands for `value` in a configuration.
    pub fn from_value(&self, value: &Value) -> Result<f64, SpaceError> {
        let found = match &self.kind {
            ParameterKind::Float { .. } | ParameterKind::Int { .. } => value.as_f64(),
            ParameterKind::Categorical { choices: values } | ParameterKind::Ordinal { values } => {
                values.iter().position(|choice| choice.same_as(value)).map(|index| index as f64)
            }
            ParameterKind::Constant { value: constant } => constant.same_as(value).then_some(0.0),
        };
        let number = found.ok_or_else(|| self.out_of_bounds(&value.to_string()))?;
        self.check(number).map(|()| self.on_grid(number))
    }

    /// The one number that stands for a checked value: `0.3` and three steps of `0.1` are not the same bits.
    pub(super) fn on_grid(&self, value: f64) -> f64 {
        match self.kind {
            ParameterKind::Float { step: Some(_), .. } => self.nth_value(self.value_index(value) as u64),
            _ => value,
        }
    }

    /// What is allowed, in words.
    pub fn describe(&self) -> String {
        let list = |values: &[Value]| {
            let names: Vec<_> = values.iter().take(12).map(|value| format!("`{value}`")).collect();
            let more =
                if values.len() > 12 { format!(" and {} more", values.len() - 12) } else { String::new() };
            names.join(", ") + &more
        };
        match &self.kind {
            ParameterKind::Float { low, high, step: None, .. } => format!("{low} to {high}"),
            ParameterKind::Float { low, high, step: Some(step), .. } => {
                format!("{low} to {high} in steps of {step}")
            }
            ParameterKind::Int { low, high, step: 1, .. } => format!("the whole numbers {low} to {high}"),
            ParameterKind::Int { low, high, step, .. } => format!("{low} to {high} in steps of {step}"),
            ParameterKind::Categorical { choices: values } | ParameterKind::Ordinal { values } => {
                list(values)
            }
            ParameterKind::Constant { value } => format!("`{value}`"),
        }
    }

    /// Which of the [`n_values`](Self::n_values) a value is, as a number.
    pub(super) fn value_index(&self, value: f64) -> f64 {
        match &self.kind {
            ParameterKind::Float { low, step: Some(step), .. } => ((value - low) / step).round(),
            ParameterKind::Int { low, step, .. } => ((value - *low as f64) / *step as f64).round(),
            ParameterKind::Float { step: None, .. } | ParameterKind::Constant { .. } => 0.0,
            ParameterKind::Categorical { .. } | ParameterKind::Ordinal { .. } => value,
        }
    }

    fn out_of_bounds(&self, value: &str) -> SpaceError {
        SpaceError::OutOfBounds {
            parameter: self.name.clone(),
            value: value.into(),
            allowed: self.describe(),
        }
    }
}

/// The decimal number of fewest digits within `slack` of a number.
fn shortest(number: f64, slack: f64) -> f64 {
    let rounded = (0..17).filter_map(|digits| format!("{number:.digits$e}").parse::<f64>().ok());
    rounded.into_iter().find(|rounded| (rounded - number).abs() <= slack).unwrap_or(number)
}

/// What a logarithmic whole number's values spread over: half a step beyond the first and the last of them, so that
/// these are drawn as often as their neighbours; downwards no further than half way to 0.
fn log_ends(low: i64, high: i64, step: i64) -> (f64, f64) {
    let (first, last) = (low as f64, (low + (high - low) / step * step) as f64);
    let half = step as f64 / 2.0;
    ((first - half).max(first / 2.0), last + half)
}
