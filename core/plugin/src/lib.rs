#![doc = include_str!("../README.md")]

// The derive names this crate, in this crate's own tests too.
extern crate self as heirloom_plugin;

pub use heirloom_model as model;
#[doc(inline)]
pub use heirloom_model::*;
pub use heirloom_plugin_abi::{Context, Determinism, HostServices, Kind, Manifest};
pub use heirloom_plugin_derive::PluginOptions;
pub use serde_json::{Value as Json, json};
pub use tracing;

mod options;
pub use options::{NestedStrategy, NoOptions, PluginOptions};

mod export;

/// The code in the book of plugins compiles and does what the book says.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/plugins/src/first-plugin.md")]
    struct FirstPlugin;

    #[doc = include_str!("../../../docs/plugins/src/traits.md")]
    struct Traits;

    #[doc = include_str!("../../../docs/plugins/src/determinism.md")]
    struct Determinism;

    #[doc = include_str!("../../../docs/plugins/src/testing.md")]
    struct Testing;
}

#[doc(hidden)]
pub mod __private {
    pub use crate::export::{estimator, proxy, strategy};
    pub use crate::options::{Number, default_options};
    pub use heirloom_plugin_abi::embed::{join, joined_length, record, record_length};
    pub use heirloom_plugin_abi::{Component, Exports, Factory, LibHeader, header};
    pub use serde;
}
