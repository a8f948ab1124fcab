#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod name;
pub use name::PluginName;

mod sdk;
pub use sdk::Sdk;

mod files;

mod template;
pub use template::{Language, NewFile, Template};

mod error;
pub use error::TemplateError;
