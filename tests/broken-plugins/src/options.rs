//! Strategies whose options are wrong, or that cannot be made.

use heirloom_plugin::{ComponentError, Context, Json, NoOptions, PluginOptions, Problem};
use serde::Deserialize;

use crate::strategy::{Fault, Made, make};

/// Options with a schema by hand: the derive would not write such a one.
macro_rules! options {
    ($name:ident: $schema:literal) => {
        #[derive(Debug, Deserialize)]
        pub(crate) struct $name(#[allow(dead_code, reason = "only the schema matters")] Json);

        impl PluginOptions for $name {
            const SCHEMA: &'static str = $schema;
        }
    };
}

options!(Mistyped: r#""type":"object","properties":{"x":{"type":"text","description":"a text"}},"additionalProperties":false"#);
options!(BadDefault: r#""type":"object","properties":{"x":{"type":"integer","minimum":1,"default":0,"description":"a count"}},"additionalProperties":false"#);
options!(Unexplained: r#""type":"object","properties":{"x":{"type":"integer","minimum":1,"default":2}},"additionalProperties":false"#);

pub(crate) fn schema(_: Mistyped, problem: &Problem, _: &Context) -> Made {
    make(Fault::None, problem)
}

pub(crate) fn defaults(_: BadDefault, problem: &Problem, _: &Context) -> Made {
    make(Fault::None, problem)
}

pub(crate) fn explained(_: Unexplained, problem: &Problem, _: &Context) -> Made {
    make(Fault::None, problem)
}

pub(crate) fn made(_: NoOptions, _: &Problem, _: &Context) -> Made {
    Err(ComponentError::failed("it cannot be made"))
}
