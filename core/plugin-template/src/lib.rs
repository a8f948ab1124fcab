#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod name;
pub use name::PluginName;

mod sdk;
pub use sdk::Sdk;

mod files;

mod template;
pub use template::{NewFile, Template};

pub use heirloom_plugin_abi::{Kind, Language};

mod error;
pub use error::TemplateError;
