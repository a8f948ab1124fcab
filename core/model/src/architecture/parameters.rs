//! What families share: the parameters they compile to, and the values they read back.

use crate::Value;
use crate::space::{ConditionSpec, Configuration, ParameterSpec, ParameterType, Space};

/// Parameters in the order of a configuration. What can have one value only is no parameter.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    all: Vec<ParameterSpec>,
}

impl Parameters {
    /// One of `choices`, active where all of `when` hold.
    pub(super) fn choice<T: Into<Value>>(
        &mut self,
        name: impl Into<String>,
        choices: impl IntoIterator<Item = T>,
        when: &[ConditionSpec],
    ) {
        let choices: Vec<Value> = choices.into_iter().map(Into::into).collect();
        if choices.len() > 1 {
            self.push(name.into(), ParameterType::Categorical { choices }, when);
        }
    }

    /// One of `values`, which ascend.
    pub(super) fn level(&mut self, name: impl Into<String>, values: &[i64], when: &[ConditionSpec]) {
        if values.len() > 1 {
            let values = values.iter().map(|&value| value.into()).collect();
            self.push(name.into(), ParameterType::Ordinal { values }, when);
        }
    }

    /// A whole number from the first to the second of `range`; with `log` ratios count.
    pub(super) fn int(
        &mut self,
        name: impl Into<String>,
        range: [i64; 2],
        log: bool,
        when: &[ConditionSpec],
    ) {
        let [low, high] = range;
        if low < high {
            self.push(name.into(), ParameterType::Int { low, high, log, step: 1 }, when);
        }
    }

    /// A real number from the first to the second of `range`.
    pub(super) fn float(&mut self, name: impl Into<String>, range: [f64; 2], when: &[ConditionSpec]) {
        let [low, high] = range;
        if low < high {
            self.push(name.into(), ParameterType::Float { low, high, log: false, step: None }, when);
        }
    }

    /// Sets the last parameter's default.
    pub(super) fn with_default(&mut self, default: Value) {
        if let Some(last) = self.all.last_mut() {
            last.default = Some(default);
        }
    }

    pub(super) fn finish(self) -> Vec<ParameterSpec> {
        self.all
    }

    fn push(&mut self, name: String, kind: ParameterType, when: &[ConditionSpec]) {
        let when = match when {
            [] => None,
            [single] => Some(single.clone()),
            several => Some(ConditionSpec::All { all: several.to_vec() }),
        };
        self.all.push(ParameterSpec { when, ..ParameterSpec::new(name, kind) });
    }
}

/// The condition that `parameter` has this value.
pub(super) fn is(parameter: impl Into<String>, value: impl Into<Value>) -> ConditionSpec {
    ConditionSpec::Is { parameter: parameter.into(), is: value.into() }
}

/// The condition that `parameter` is at least `number`.
pub(super) fn at_least(parameter: impl Into<String>, number: usize) -> ConditionSpec {
    ConditionSpec::AtLeast { parameter: parameter.into(), at_least: number as f64 }
}

/// The values of a configuration by the names of their parameters. Each question says what holds where there is no
/// such parameter, or an inactive one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub(super) space: &'a Space,
    pub(super) configuration: &'a Configuration,
}

impl Chosen<'_> {
    pub(super) fn int(&self, name: &str, otherwise: i64) -> i64 {
        self.value(name).and_then(|value| value.as_f64()).map_or(otherwise, |value| value as i64)
    }

    pub(super) fn float(&self, name: &str, otherwise: f64) -> f64 {
        self.value(name).and_then(|value| value.as_f64()).unwrap_or(otherwise)
    }

    pub(super) fn flag(&self, name: &str, otherwise: bool) -> bool {
        match self.value(name) {
            Some(Value::Bool(flag)) => flag,
            _ => otherwise,
        }
    }

    pub(super) fn text(&self, name: &str, otherwise: &str) -> String {
        self.value(name).map_or_else(|| otherwise.to_owned(), |value| value.to_string())
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.space.architecture_value(self.configuration, name)
    }
}
