//! A component's table of the run file, typed.

use std::path::PathBuf;

use heirloom_model::{ComponentError, Problem, Strategy};
use heirloom_plugin_abi::{Context, schema};
use heirloom_plugin_derive::PluginOptions;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

/// Types that can stand in a run file, with the JSON schema by which the host checks them before it loads anything.
///
/// Derive it: see the guide.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an option of a plugin",
    note = "options are numbers, `bool`, `String`, `PathBuf`, `Json`, `Option`, `Vec` and maps of these, and types \
            that derive `PluginOptions`"
)]
pub trait PluginOptions: DeserializeOwned {
    /// The members of the type's JSON schema, without the braces.
    const SCHEMA: &'static str;

    /// The names of the options in a table; none of other types.
    const NAMES: &'static [&'static str] = &[];

    /// Checks `json` against the schema, fills in the defaults, and reads it.
    fn from_json(json: &Json) -> Result<Self, ComponentError> {
        let schema = serde_json::from_str(&format!("{{{}}}", Self::SCHEMA))
            .map_err(|error| ComponentError::failed(format!("the options' schema is no JSON: {error}")))?;
        let checked = schema::check(&schema, json).map_err(|problems| {
            let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
            ComponentError::configuration(texts.join("\n"))
        })?;
        serde_json::from_value(checked).map_err(|error| ComponentError::configuration(error.to_string()))
    }
}

/// The options of an empty table.
///
/// # Panics
///
/// When a default breaks its own range: the derive's `Default` says so in the author's first test.
pub fn default_options<T: PluginOptions>() -> T {
    match T::from_json(&Json::Object(serde_json::Map::new())) {
        Ok(options) => options,
        Err(error) => panic!("the defaults of the options do not fit their own ranges: {error}"),
    }
}

/// Types that bounds may stand with.
#[diagnostic::on_unimplemented(
    message = "`low`, `high` and `above` bound numbers, and `{Self}` is none",
    note = "they may stand with a number, an `Option` of one, and a `Vec` or a map of numbers"
)]
pub trait Number: PluginOptions {
    /// [`PluginOptions::SCHEMA`], of numbers alone.
    const SCHEMA_OF_NUMBER: &'static str = Self::SCHEMA;
}

macro_rules! option_types {
    ($($schema:literal: $($ty:ty),*;)*) => {
        $($(impl PluginOptions for $ty {
            const SCHEMA: &'static str = $schema;
        })*)*
    };
}

macro_rules! number_types {
    ($($schema:literal: $($ty:ty),*;)*) => {
        option_types! { $($schema: $($ty),*;)* }
        $($(impl Number for $ty {})*)*
    };
}

// The host holds a value to what its type can hold: it alone knows the option's name and line.
number_types! {
    r#""type":"number""#: f32, f64;
    r#""type":"integer","minimum":-128,"maximum":127"#: i8;
    r#""type":"integer","minimum":-32768,"maximum":32767"#: i16;
    r#""type":"integer","minimum":-2147483648,"maximum":2147483647"#: i32;
    r#""type":"integer""#: i64, isize;
    r#""type":"integer","minimum":0,"maximum":255"#: u8;
    r#""type":"integer","minimum":0,"maximum":65535"#: u16;
    r#""type":"integer","minimum":0,"maximum":4294967295"#: u32;
    r#""type":"integer","minimum":0"#: u64, usize;
}

option_types! {
    r#""type":"boolean""#: bool;
    r#""type":"string""#: String;
    r#""type":"string","format":"path""#: PathBuf;
    r#""description":"anything""#: Json;
}

/// The options of a component that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub struct NoOptions {}

/// Another strategy by name, with its own options beside: `base = { name = "random", kind = "grid" }`.
#[derive(Debug, Clone, PartialEq)]
pub struct NestedStrategy {
    /// The strategy's name.
    pub name: String,
    /// Its options.
    pub options: Json,
}

impl NestedStrategy {
    /// Asks the host for the strategy.
    pub fn make(&self, problem: &Problem, context: &Context) -> Result<Box<dyn Strategy>, ComponentError> {
        context.components().strategy(&self.name, &self.options, problem)
    }
}

impl PluginOptions for NestedStrategy {
    const SCHEMA: &'static str = r#""type":"object","component":"strategy","required":["name"],"properties":{"name":{"type":"string","description":"the strategy's name; its options stand beside"}},"additionalProperties":true"#;
}

impl<'de> Deserialize<'de> for NestedStrategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut options = serde_json::Map::deserialize(deserializer)?;
        match options.remove("name") {
            Some(Json::String(name)) => Ok(Self { name, options: Json::Object(options) }),
            _ => Err(D::Error::custom("`name` is missing")),
        }
    }
}
