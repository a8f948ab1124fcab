//! When a parameter is active, and which combinations are forbidden.

use std::collections::HashMap;

use super::{ConditionSpec, Parameter, ParameterKind, SpaceError};

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
        let join = |clauses: &[Self], word: &str| {
            clauses.iter().map(|clause| clause.describe(parameters)).collect::<Vec<_>>().join(word)
        };
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

/// The test that `parameter` lies in `low..=high`. Of choices, the numbers that they name are compared.
fn bounded(parameter: &Parameter, index: usize, low: f64, high: f64) -> Result<Clause, SpaceError> {
    let (ParameterKind::Categorical { choices: values } | ParameterKind::Ordinal { values }) =
        &parameter.kind
    else {
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
