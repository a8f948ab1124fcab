//! A parameter's value as a person writes it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of one parameter, as it stands in a run file, an archive export or a program's input.
///
/// Inside a [`Configuration`](crate::Configuration) the same value is an `f64`: the number itself, or the index
/// of the choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A name.
    Text(String),
}

impl Value {
    /// The number this value is, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }

    /// Whether both mean the same choice: `1` and `1.0` do, `1` and `"1"` do not.
    pub fn same_as(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// What it has in common with all values that mean the same choice.
    pub(crate) fn key(&self) -> ValueKey<'_> {
        match self {
            Self::Bool(flag) => ValueKey::Bool(*flag),
            Self::Int(number) => ValueKey::Number((*number as f64).to_bits()),
            // Both zeros are one.
            Self::Float(number) => ValueKey::Number((number + 0.0).to_bits()),
            Self::Text(text) => ValueKey::Text(text),
        }
    }
}

/// See [`Value::key`].
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum ValueKey<'a> {
    Bool(bool),
    /// A number's bits.
    Number(u64),
    Text(&'a str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
