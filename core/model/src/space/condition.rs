//! When a parameter is active, and which combinations are forbidden.

use std::collections::{HashMap, HashSet};

use crate::Value;
use crate::value::ValueKey;

use super::{ConditionSpec, Parameter, SpaceError};

/// A test on the values of a configuration. A test on an inactive parameter fails.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// The parameter has one of these values.
    In {
        /// The parameter's place.
        parameter: usize,
        /// Values as in a configuration.
        values: Vec<f64>,
    },
    /// The parameter lies between both, ends included.
    Between {
        /// The parameter's place.
        parameter: usize,
        /// Smallest value that passes.
        low: f64,
        /// Largest value that passes.
        high: f64,
    },
    /// All of them hold.
    All(Vec<Clause>),
    /// At least one holds.
    Any(Vec<Clause>),
}

impl Clause {
    /// Whether the values, `[d]`, pass.
    pub fn holds(&self, values: &[f64]) -> bool {
        match self {
            Self::In { parameter, values: allowed } => allowed.contains(&values[*parameter]),
            Self::Between { parameter, low, high } => (*low..=*high).contains(&values[*parameter]),
            Self::All(clauses) => clauses.iter().all(|clause| clause.holds(values)),
            Self::Any(clauses) => clauses.iter().any(|clause| clause.holds(values)),
        }
    }

    /// The clause in words.
    pub fn describe(&self, parameters: &[Parameter]) -> String {
        let part = |clause: &Self| match clause {
            Self::All(parts) | Self::Any(parts) if parts.len() > 1 => {
                format!("({})", clause.describe(parameters))
            }
            _ => clause.describe(parameters),
        };
        let join = |clauses: &[Self], word: &str| clauses.iter().map(part).collect::<Vec<_>>().join(word);
        match self {
            Self::In { parameter, values } => {
                let parameter = &parameters[*parameter];
                let values: Vec<_> =
                    values.iter().map(|&value| parameter.to_value(value).to_string()).collect();
                format!("`{} = {}`", parameter.name, values.join(" or "))
            }
            Self::Between { parameter, low, high } => {
                let bound = |bound: f64, sign: &str| {
                    if bound.is_finite() { format!(" {sign} {bound}") } else { String::new() }
                };
                format!("`{}{}{}`", parameters[*parameter].name, bound(*low, ">="), bound(*high, "<="))
            }
            Self::All(clauses) => join(clauses, " and "),
            Self::Any(clauses) => join(clauses, " or "),
        }
    }

    /// Whether `other`, a clause over `others`, holds parameters of the same names against the same values, in whatever
    /// order these stand.
    pub(super) fn is_same(&self, parameters: &[Parameter], other: &Self, others: &[Parameter]) -> bool {
        let name = |index: usize| &parameters[index].name;
        let other_name = |index: usize| &others[index].name;
        match (self, other) {
            (Self::In { parameter, values }, Self::In { parameter: other, values: other_values }) => {
                let own = named(&parameters[*parameter], values);
                let foreign = named(&others[*other], other_values);
                name(*parameter) == other_name(*other) && set(&own) == set(&foreign)
            }
            (
                Self::Between { parameter, low, high },
                Self::Between { parameter: other, low: other_low, high: other_high },
            ) => name(*parameter) == other_name(*other) && (low, high) == (other_low, other_high),
            (Self::All(own), Self::All(foreign)) | (Self::Any(own), Self::Any(foreign)) => {
                let mut pairs = own.iter().zip(foreign);
                own.len() == foreign.len() && pairs.all(|(own, other)| own.is_same(parameters, other, others))
            }
            _ => false,
        }
    }

    pub(super) fn compile(
        spec: &ConditionSpec,
        parameters: &[Parameter],
        by_name: &HashMap<String, usize>,
        place: &str,
    ) -> Result<Self, SpaceError> {
        let all = |specs: &[ConditionSpec]| {
            specs
                .iter()
                .map(|spec| Self::compile(spec, parameters, by_name, place))
                .collect::<Result<Vec<_>, _>>()
        };
        let find = |name: &str| {
            by_name
                .get(name)
                .copied()
                .ok_or_else(|| SpaceError::UnknownParameter { name: name.into(), place: place.into() })
        };
        match spec {
            ConditionSpec::All { all: specs } => Ok(Self::All(all(specs)?)),
            ConditionSpec::Any { any: specs } => Ok(Self::Any(all(specs)?)),
            ConditionSpec::Is { parameter, is } => {
                let index = find(parameter)?;
                Ok(Self::In { parameter: index, values: vec![parameters[index].from_value(is)?] })
            }
            ConditionSpec::In { parameter, one_of } => {
                let index = find(parameter)?;
                let values = one_of.iter().map(|value| parameters[index].from_value(value));
                Ok(Self::In { parameter: index, values: values.collect::<Result<_, _>>()? })
            }
            ConditionSpec::AtLeast { parameter, at_least } => {
                bounded(&parameters[find(parameter)?], find(parameter)?, *at_least, f64::INFINITY)
            }
            ConditionSpec::AtMost { parameter, at_most } => {
                bounded(&parameters[find(parameter)?], find(parameter)?, f64::NEG_INFINITY, *at_most)
            }
        }
    }
}

/// The values as a person writes them.
fn named(parameter: &Parameter, values: &[f64]) -> Vec<Value> {
    values.iter().map(|&value| parameter.to_value(value)).collect()
}

fn set(values: &[Value]) -> HashSet<ValueKey<'_>> {
    values.iter().map(Value::key).collect()
}

/// The test that `parameter` lies in `low..=high`. Of choices, the numbers that they name are compared.
fn bounded(parameter: &Parameter, index: usize, low: f64, high: f64) -> Result<Clause, SpaceError> {
    let Some(values) = parameter.kind.listed() else {
        let on_grid = |bound: f64| parameter.check(bound).map_or(bound, |()| parameter.on_grid(bound));
        return Ok(Clause::Between { parameter: index, low: on_grid(low), high: on_grid(high) });
    };
    let numbers = values.iter().map(|value| {
        value.as_f64().ok_or_else(|| SpaceError::BadParameter {
            name: parameter.name.clone(),
            problem: format!("`{value}` is no number that a bound can be held against; hint: use `one_of`"),
        })
    });
    let numbers = numbers.collect::<Result<Vec<f64>, _>>()?;
    let inside = (0..numbers.len()).filter(|&choice| (low..=high).contains(&numbers[choice]));
    Ok(Clause::In { parameter: index, values: inside.map(|choice| choice as f64).collect() })
}
