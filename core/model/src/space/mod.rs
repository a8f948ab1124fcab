//! Search spaces: what may vary, and under which conditions.
//!
//! A [`SpaceSpec`] is what a person writes (TOML); [`Space::compile`] checks it and turns it into typed parameters,
//! conditions between them, forbidden combinations and, where the space holds architectures, a decoder. A
//! [`Configuration`] is one point: an `f64` for each parameter, NaN where the parameter is inactive.

mod condition;
mod configuration;
mod encoding;
mod mapping;
mod parameter;
mod preset;
mod sample;
mod spec;

pub use condition::Clause;
pub use configuration::Configuration;
pub use encoding::ConfigurationKey;
pub use mapping::{Dropped, MappingNote, MappingReport, OutOfRange, SpaceMapping};
pub use parameter::{Parameter, ParameterKind, Prior};
pub use spec::{ConditionSpec, Confidence, ParameterSpec, ParameterType, PriorSpec, SpaceSpec};

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::Value;
use crate::architecture::{ArchitectureGraph, ArchitectureSpec};

/// What is wrong with a space, or with a configuration of it.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// Two parameters share a name.
    #[error("parameter `{name}` stands twice in the space; hint: names must differ")]
    DuplicateParameter {
        /// The name.
        name: String,
    },
    /// A parameter's own description is wrong.
    #[error("parameter `{name}`: {problem}")]
    BadParameter {
        /// The parameter.
        name: String,
        /// What is wrong, with a remedy.
        problem: String,
    },
    /// A condition or forbidden clause names a parameter that is not there, or comes later.
    #[error("`{name}` is used in {place} but the space has no such parameter before it")]
    UnknownParameter {
        /// The name.
        name: String,
        /// Where it was used.
        place: String,
    },
    /// The architecture's description is wrong.
    #[error("architecture: {problem}")]
    BadArchitecture {
        /// What is wrong, with a remedy.
        problem: String,
    },
    /// A published architecture string cannot be read.
    #[error("architecture `{text}`, character {position}: {problem}")]
    BadText {
        /// The whole text.
        text: String,
        /// Which character, from 1.
        position: usize,
        /// What is wrong there, with a remedy.
        problem: String,
    },
    /// A configuration has the wrong number of values.
    #[error("a configuration of {found} values was given for a space of {expected} parameters")]
    WrongLength {
        /// Parameters of the space.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A value lies outside its parameter's range or is no value of it.
    #[error("parameter `{parameter}`: `{value}` is not one of {allowed}")]
    OutOfBounds {
        /// The parameter.
        parameter: String,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// An active parameter has no value.
    #[error("parameter `{parameter}` is active and has no value")]
    MissingValue {
        /// The parameter.
        parameter: String,
    },
    /// An inactive parameter has a value.
    #[error("parameter `{parameter}` is inactive here and must have no value, but has `{value}`")]
    InactiveValue {
        /// The parameter.
        parameter: String,
        /// Its value.
        value: String,
    },
    /// The configuration is one that the space forbids.
    #[error("the combination {combination} is forbidden")]
    Forbidden {
        /// The forbidden combination.
        combination: String,
    },
    /// The configuration decodes to an architecture that is none of the space.
    #[error("architecture: {problem}")]
    ForbiddenArchitecture {
        /// What is wrong, with a remedy.
        problem: String,
    },
    /// No allowed configuration was found among many draws.
    #[error("{draws} draws hit forbidden combinations only; hint: loosen the `forbidden` clauses")]
    TooManyForbidden {
        /// How many draws were made.
        draws: usize,
    },
}

/// A space's identity: SHA-256 of its canonical form, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpaceHash(pub String);

impl fmt::Display for SpaceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A checked search space.
#[derive(Debug, Clone)]
pub struct Space {
    spec: SpaceSpec,
    hash: SpaceHash,
    parameters: Vec<Parameter>,
    /// For each parameter, when it is active; parents come before children.
    conditions: Vec<Option<Clause>>,
    forbidden: Vec<Clause>,
    /// For each parameter, names it had in other spaces.
    aliases: Vec<Vec<String>>,
    by_name: HashMap<String, usize>,
}

impl Space {
    /// Checks a space's description.
    pub fn compile(spec: SpaceSpec) -> Result<Self, SpaceError> {
        let mut all = spec.parameters.clone();
        if let Some(architecture) = &spec.architecture {
            all.extend(architecture.parameters()?);
        }
        let mut parameters = Vec::with_capacity(all.len());
        let mut conditions = Vec::with_capacity(all.len());
        let mut by_name = HashMap::with_capacity(all.len());
        for (index, parameter) in all.iter().enumerate() {
            let condition = match &parameter.when {
                None => None,
                Some(when) => {
                    let place = format!("the condition of `{}`", parameter.name);
                    Some(Clause::compile(when, &parameters, &by_name, &place)?)
                }
            };
            parameters.push(parameter.compile()?);
            conditions.push(condition);
            if by_name.insert(parameter.name.clone(), index).is_some() {
                return Err(SpaceError::DuplicateParameter { name: parameter.name.clone() });
            }
        }
        if parameters.is_empty() {
            return Err(SpaceError::BadArchitecture { problem: "the space has no parameters".into() });
        }
        let forbidden = spec
            .forbidden
            .iter()
            .map(|clause| Clause::compile(clause, &parameters, &by_name, "a forbidden clause"))
            .collect::<Result<_, _>>()?;
        let canonical = serde_json::to_vec(&spec.identity()).expect("a space is plain data");
        let hash = SpaceHash(Sha256::digest(&canonical).iter().map(|byte| format!("{byte:02x}")).collect());
        let aliases = all.into_iter().map(|parameter| parameter.aliases).collect();
        Ok(Self { spec, hash, parameters, conditions, forbidden, aliases, by_name })
    }

    /// The description this space was made from.
    pub fn spec(&self) -> &SpaceSpec {
        &self.spec
    }

    /// The space's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The space's identity. Names of spaces, defaults and priors do not enter it: they do not change what a
    /// configuration means.
    pub fn hash(&self) -> &SpaceHash {
        &self.hash
    }

    /// The parameters, in the order of a configuration's values, `[d]`.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// A parameter's place in a configuration.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// When parameter `index` is active; `None`: always.
    pub fn condition(&self, index: usize) -> Option<&Clause> {
        self.conditions[index].as_ref()
    }

    /// Names that parameter `index` had in other spaces.
    pub fn aliases(&self, index: usize) -> &[String] {
        &self.aliases[index]
    }

    /// Combinations that must not be proposed.
    pub fn forbidden(&self) -> &[Clause] {
        &self.forbidden
    }

    /// Whether parameter `index` is active given the values before it.
    pub fn is_active(&self, index: usize, values: &[f64]) -> bool {
        self.conditions[index].as_ref().is_none_or(|clause| clause.holds(values))
    }

    /// Whether a configuration holds a forbidden combination or an architecture that is none of the space.
    pub fn is_forbidden(&self, configuration: &Configuration) -> bool {
        let values = configuration.values();
        self.forbidden.iter().any(|clause| clause.holds(values)) || self.violation(values).is_some()
    }

    /// What makes the architecture in checked `values` none of the space.
    fn violation(&self, values: &[f64]) -> Option<SpaceError> {
        self.spec.architecture.as_ref()?.violation(&values[self.spec.parameters.len()..])
    }

    /// Checks that a configuration is a point of this space: length, bounds, steps, activity, forbidden clauses.
    pub fn check(&self, configuration: &Configuration) -> Result<(), SpaceError> {
        let values = configuration.values();
        if values.len() != self.parameters.len() {
            return Err(SpaceError::WrongLength { expected: self.parameters.len(), found: values.len() });
        }
        for index in 0..values.len() {
            self.check_value(index, values)?;
        }
        match self.forbidden.iter().find(|clause| clause.holds(values)) {
            None => self.violation(values).map_or(Ok(()), Err),
            Some(clause) => Err(SpaceError::Forbidden { combination: clause.describe(&self.parameters) }),
        }
    }

    /// Checks one value: there is one where the parameter is active and none where it is not, within bounds.
    fn check_value(&self, index: usize, values: &[f64]) -> Result<(), SpaceError> {
        let parameter = &self.parameters[index];
        let value = values[index];
        match (self.is_active(index, values), value.is_nan()) {
            (true, true) => Err(SpaceError::MissingValue { parameter: parameter.name.clone() }),
            (false, false) => {
                let value = value.to_string();
                Err(SpaceError::InactiveValue { parameter: parameter.name.clone(), value })
            }
            (true, false) => parameter.check(value),
            (false, true) => Ok(()),
        }
    }

    /// A configuration as names and values; inactive parameters are left out.
    pub fn to_named(&self, configuration: &Configuration) -> BTreeMap<String, Value> {
        self.parameters
            .iter()
            .zip(configuration.values())
            .filter(|(_, value)| !value.is_nan())
            .map(|(parameter, &value)| (parameter.name.clone(), parameter.to_value(value)))
            .collect()
    }

    /// The configuration that names and values describe, checked.
    pub fn from_named(&self, named: &BTreeMap<String, Value>) -> Result<Configuration, SpaceError> {
        if let Some(name) = named.keys().find(|name| self.index_of(name).is_none()) {
            return Err(SpaceError::UnknownParameter { name: name.clone(), place: "a configuration".into() });
        }
        let mut values = vec![f64::NAN; self.parameters.len()];
        for (index, parameter) in self.parameters.iter().enumerate() {
            if let Some(value) = named.get(&parameter.name) {
                values[index] = parameter.from_value(value)?;
            }
        }
        let configuration = Configuration::new(values);
        self.check(&configuration)?;
        Ok(configuration)
    }

    /// How a space's architectures are described, where it has any.
    pub fn architecture_spec(&self) -> Option<&ArchitectureSpec> {
        self.spec.architecture.as_ref()
    }

    /// The places of the architecture's parameters.
    pub(crate) fn architecture_parameters(&self) -> std::ops::Range<usize> {
        self.spec.parameters.len()..self.parameters.len()
    }

    /// The graph that a configuration decodes to; `None` where the space holds no architectures.
    pub fn architecture(
        &self,
        configuration: &Configuration,
    ) -> Option<Result<ArchitectureGraph, SpaceError>> {
        self.spec.architecture.as_ref().map(|spec| spec.decode(self, configuration))
    }

    /// Reads an architecture in the string form its benchmark published; hyperparameters get their defaults. `None`
    /// where the space holds no architectures. See [`ArchitectureSpec::parse`].
    pub fn parse_architecture(&self, text: &str) -> Option<Result<Configuration, SpaceError>> {
        self.spec.architecture.as_ref().map(|spec| spec.parse(self, text))
    }

    /// Writes a configuration's architecture in that form. See [`ArchitectureSpec::format`].
    pub fn format_architecture(&self, configuration: &Configuration) -> Option<Result<String, SpaceError>> {
        self.spec.architecture.as_ref().map(|spec| spec.format(self, configuration))
    }

    /// The values of the architecture's parameters, which stand after the hyperparameters; each is checked.
    pub(crate) fn architecture_values<'a>(
        &self,
        configuration: &'a Configuration,
    ) -> Result<&'a [f64], SpaceError> {
        let values = configuration.values();
        if values.len() != self.parameters.len() {
            return Err(SpaceError::WrongLength { expected: self.parameters.len(), found: values.len() });
        }
        for index in self.spec.parameters.len()..values.len() {
            self.check_value(index, values)?;
        }
        Ok(&values[self.spec.parameters.len()..])
    }

    /// The configuration with these values for the architecture's active parameters and the default for each
    /// hyperparameter, checked.
    pub(crate) fn with_architecture(&self, values: &[f64]) -> Result<Configuration, SpaceError> {
        let n_hyperparameters = self.spec.parameters.len();
        let configuration = self.fill(|index| match index.checked_sub(n_hyperparameters) {
            None => self.parameters[index].default,
            Some(place) => values[place],
        });
        self.check(&configuration)?;
        Ok(configuration)
    }

    /// The active value of the parameter `name` as a person writes it.
    pub fn value(&self, configuration: &Configuration, name: &str) -> Option<Value> {
        self.value_at(configuration, self.index_of(name)?)
    }

    /// The same for a parameter of the architecture; a hyperparameter of that name is something else.
    pub(crate) fn architecture_value(&self, configuration: &Configuration, name: &str) -> Option<Value> {
        let index = self.index_of(name).filter(|index| *index >= self.spec.parameters.len())?;
        self.value_at(configuration, index)
    }

    fn value_at(&self, configuration: &Configuration, index: usize) -> Option<Value> {
        let value = configuration.values()[index];
        (!value.is_nan()).then(|| self.parameters[index].to_value(value))
    }
}

#[cfg(test)]
mod tests;
