//! A space as a person writes it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::architecture::ArchitectureSpec;

use super::{Parameter, ParameterKind, Prior, SpaceError};

/// A search space as it stands in a run file.
///
/// ```toml
/// name = "tuning"
/// [[parameter]]
/// name = "optimizer"
/// type = "categorical"
/// choices = ["sgd", "adam"]
/// [[parameter]]
/// name = "momentum"
/// type = "float"
/// low = 0.1
/// high = 0.99
/// when = { parameter = "optimizer", is = "sgd" }
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceSpec {
    /// A name for people.
    #[serde(default)]
    pub name: String,
    /// Hyperparameters.
    #[serde(default, rename = "parameter", skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParameterSpec>,
    /// Combinations that must not be proposed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<ConditionSpec>,
    /// The architectures, where the space holds any; their parameters come after the hyperparameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<ArchitectureSpec>,
}

impl SpaceSpec {
    /// The part of the description that gives configurations their meaning: what the space's hash is made of.
    pub(super) fn identity(&self) -> Self {
        let mut identity = self.clone();
        identity.name.clear();
        let of_architecture = identity.architecture.iter_mut().flat_map(ArchitectureSpec::own_parameters);
        for parameter in identity.parameters.iter_mut().chain(of_architecture) {
            parameter.default = None;
            parameter.prior = None;
            parameter.aliases.clear();
        }
        identity
    }
}

/// One parameter as it stands in a run file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterSpec {
    /// Its name.
    pub name: String,
    /// Its type and range.
    #[serde(flatten)]
    pub kind: ParameterType,
    /// Its value where nothing else is said; the middle of the range or the first choice by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Where good values are expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<PriorSpec>,
    /// When the parameter is active; always by default. It may name parameters that stand before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<ConditionSpec>,
    /// Names it had in other spaces, for the map between them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// A parameter's type and range as they stand in a run file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ParameterType {
    /// A real number.
    Float {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Whether ratios count.
        #[serde(default)]
        log: bool,
        /// Distance between values; any by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<f64>,
    },
    /// A whole number.
    Int {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
        /// Whether ratios count.
        #[serde(default)]
        log: bool,
        /// Distance between values.
        #[serde(default = "one")]
        step: i64,
    },
    /// Choices without order.
    Categorical {
        /// The choices.
        choices: Vec<Value>,
    },
    /// Values in order.
    Ordinal {
        /// The values.
        values: Vec<Value>,
    },
    /// One value.
    Constant {
        /// The value.
        value: Value,
    },
}

fn one() -> i64 {
    1
}

/// Where good values are expected, as it stands in a run file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum PriorSpec {
    /// Normal around a value, or more weight for it where choices have no order; `confidence` is `low`, `medium` or
    /// `high`.
    Around {
        /// The expected value.
        around: Value,
        /// How sure.
        #[serde(default)]
        confidence: Confidence,
    },
    /// A weight for each choice.
    Weights {
        /// The weights, in the order of the choices.
        weights: Vec<f64>,
    },
}

/// How sure an expert is of a prior. The numbers are those of NePS (Mallik et al. 2023, "PriorBand").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Standard deviation 0.5 of the range; twice the weight of any other choice.
    Low,
    /// Standard deviation 0.25 of the range; four times the weight.
    #[default]
    Medium,
    /// Standard deviation 0.125 of the range; six times the weight.
    High,
}

/// A test on other parameters as it stands in a run file. `at_least` and `at_most` together are [`All`](Self::All) of
/// both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "ConditionKeys")]
pub enum ConditionSpec {
    /// The parameter has this value.
    Is {
        /// The parameter.
        parameter: String,
        /// The value.
        is: Value,
    },
    /// The parameter has one of these values.
    In {
        /// The parameter.
        parameter: String,
        /// The values.
        one_of: Vec<Value>,
    },
    /// The parameter is at least this.
    AtLeast {
        /// The parameter.
        parameter: String,
        /// The number.
        at_least: f64,
    },
    /// The parameter is at most this.
    AtMost {
        /// The parameter.
        parameter: String,
        /// The number.
        at_most: f64,
    },
    /// All hold.
    All {
        /// The conditions.
        all: Vec<ConditionSpec>,
    },
    /// At least one holds.
    Any {
        /// The conditions.
        any: Vec<ConditionSpec>,
    },
}

/// The keys of all conditions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionKeys {
    parameter: Option<String>,
    is: Option<Value>,
    one_of: Option<Vec<Value>>,
    at_least: Option<f64>,
    at_most: Option<f64>,
    all: Option<Vec<ConditionSpec>>,
    any: Option<Vec<ConditionSpec>>,
}

impl TryFrom<ConditionKeys> for ConditionSpec {
    type Error = &'static str;

    fn try_from(keys: ConditionKeys) -> Result<Self, Self::Error> {
        let ConditionKeys { parameter, is, one_of, at_least, at_most, all, any } = keys;
        match (parameter, is, one_of, at_least, at_most, all, any) {
            (Some(parameter), Some(is), None, None, None, None, None) => Ok(Self::Is { parameter, is }),
            (Some(parameter), None, Some(one_of), None, None, None, None) => {
                Ok(Self::In { parameter, one_of })
            }
            (Some(parameter), None, None, Some(at_least), None, None, None) => {
                Ok(Self::AtLeast { parameter, at_least })
            }
            (Some(parameter), None, None, None, Some(at_most), None, None) => {
                Ok(Self::AtMost { parameter, at_most })
            }
            (Some(parameter), None, None, Some(at_least), Some(at_most), None, None) => {
                let from = Self::AtLeast { parameter: parameter.clone(), at_least };
                Ok(Self::All { all: vec![from, Self::AtMost { parameter, at_most }] })
            }
            (None, None, None, None, None, Some(all), None) => Ok(Self::All { all }),
            (None, None, None, None, None, None, Some(any)) => Ok(Self::Any { any }),
            _ => Err("its condition is of no known form"),
        }
    }
}

impl ConditionSpec {
    /// Gives every parameter that is named another name.
    pub(crate) fn rename(&mut self, name: &impl Fn(&str) -> String) {
        match self {
            Self::Is { parameter, .. }
            | Self::In { parameter, .. }
            | Self::AtLeast { parameter, .. }
            | Self::AtMost { parameter, .. } => *parameter = name(parameter),
            Self::All { all: conditions } | Self::Any { any: conditions } => {
                conditions.iter_mut().for_each(|condition| condition.rename(name));
            }
        }
    }
}

impl ParameterSpec {
    /// An unconditional parameter.
    pub fn new(name: impl Into<String>, kind: ParameterType) -> Self {
        Self { name: name.into(), kind, default: None, prior: None, when: None, aliases: Vec::new() }
    }

    pub(super) fn compile(&self) -> Result<Parameter, SpaceError> {
        let kind = self.kind.compile().map_err(|problem| self.bad(problem))?;
        let mut parameter = Parameter { name: self.name.clone(), kind, default: 0.0, prior: None };
        parameter.default = match &self.default {
            Some(value) => parameter.from_value(value)?,
            None if parameter.is_categorical() => 0.0,
            None => parameter.from_unit(0.5),
        };
        parameter.prior =
            self.prior.as_ref().map(|prior| self.compile_prior(prior, &parameter)).transpose()?;
        Ok(parameter)
    }

    fn compile_prior(&self, prior: &PriorSpec, parameter: &Parameter) -> Result<Prior, SpaceError> {
        match prior {
            PriorSpec::Around { around, confidence } => {
                let expected = parameter.from_value(around)?;
                let (std, weight) = match confidence {
                    Confidence::Low => (0.5, 2.0),
                    Confidence::Medium => (0.25, 4.0),
                    Confidence::High => (0.125, 6.0),
                };
                match &parameter.kind {
                    // In which order choices are listed says nothing: none lies nearer to the expected one than others.
                    ParameterKind::Categorical { choices } => {
                        let mut weights = vec![1.0; choices.len()];
                        weights[expected as usize] = weight;
                        Ok(Prior::Weights(weights))
                    }
                    _ => Ok(Prior::Normal { mean: parameter.to_unit(expected), std }),
                }
            }
            PriorSpec::Weights { weights } => {
                let Some(expected) = parameter.n_values() else {
                    let problem = "its prior has weights, which belong to values that can be counted; hint: write \
                                   `prior = { around = … }`";
                    return Err(self.bad(problem.into()));
                };
                let usable = weights.iter().all(|weight| *weight >= 0.0 && weight.is_finite())
                    && weights.iter().sum::<f64>() > 0.0;
                if weights.len() as u64 != expected || !usable {
                    return Err(self.bad(format!(
                        "its prior has {} weights; hint: give {expected} non-negative ones, not all zero",
                        weights.len()
                    )));
                }
                Ok(Prior::Weights(weights.clone()))
            }
        }
    }

    fn bad(&self, problem: String) -> SpaceError {
        SpaceError::BadParameter { name: self.name.clone(), problem }
    }
}

impl ParameterType {
    fn compile(&self) -> Result<ParameterKind, String> {
        match self {
            Self::Float { low, high, log, step } => {
                check_range(*low, *high, *log)?;
                match step {
                    Some(step) if !(*step > 0.0 && step.is_finite()) => {
                        Err(format!("`step = {step}` is not positive"))
                    }
                    Some(_) if *log => Err("`log` and `step` cannot be combined; hint: leave one out".into()),
                    Some(step) if (high - low) / step >= MAX_WHOLE as f64 => Err(format!(
                        "`step = {step}` gives more than 2^53 values, which cannot be told apart; hint: make it larger, \
                         or leave it out"
                    )),
                    _ => Ok(ParameterKind::Float { low: *low, high: *high, log: *log, step: *step }),
                }
            }
            Self::Int { low, high, log, step } => {
                check_range(*low as f64, *high as f64, *log)?;
                if *step < 1 {
                    return Err(format!("`step = {step}` is not positive"));
                }
                if low.unsigned_abs().max(high.unsigned_abs()) > MAX_WHOLE {
                    return Err("whole numbers beyond 2^53 cannot be told apart".into());
                }
                Ok(ParameterKind::Int { low: *low, high: *high, log: *log, step: *step })
            }
            Self::Categorical { choices } => {
                check_choices("choices", choices)?;
                Ok(ParameterKind::Categorical { choices: choices.clone() })
            }
            Self::Ordinal { values } => {
                check_choices("values", values)?;
                Ok(ParameterKind::Ordinal { values: values.clone() })
            }
            Self::Constant { value } => Ok(ParameterKind::Constant { value: value.clone() }),
        }
    }
}

/// Whole numbers up to this one are all `f64`s.
const MAX_WHOLE: u64 = 1 << 53;

fn check_range(low: f64, high: f64, log: bool) -> Result<(), String> {
    if !(low.is_finite() && high.is_finite()) {
        return Err(format!("the range {low} to {high} is not finite"));
    }
    if low > high {
        return Err(format!("`low = {low}` is above `high = {high}`; hint: swap them"));
    }
    if log && low <= 0.0 {
        return Err(format!("`log = true` needs `low` above 0, not {low}"));
    }
    let width = if log { high / low } else { high - low };
    if !width.is_finite() {
        return Err(format!(
            "`low = {low:e}` and `high = {high:e}` are too far apart to be computed with; hint: narrow the range"
        ));
    }
    Ok(())
}

fn check_choices(field: &str, choices: &[Value]) -> Result<(), String> {
    if choices.is_empty() {
        return Err(format!("`{field}` is empty; hint: give at least one value"));
    }
    let mut seen = HashSet::with_capacity(choices.len());
    match choices.iter().find(|choice| !seen.insert(choice.key())) {
        Some(twice) => Err(format!("`{twice}` stands twice in `{field}`")),
        None => Ok(()),
    }
}
