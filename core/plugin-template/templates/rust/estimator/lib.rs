//! {{description}}.
//!
//! This file is what makes a plugin of a measurement: options with their ranges, a function that makes
//! the estimator, one line that exports it. The measurement is in `training.rs`.

#![forbid(unsafe_code)]

mod training;
pub use training::Training;

use std::sync::Arc;

use heirloom_plugin::{ComponentError, Context, Estimator, PluginOptions, Space, export_estimator};

/// What may stand in the run file beside the estimator's name. These comments are the user's help, and
/// the ranges are checked before the library is loaded.
#[derive(Debug, Clone, Copy, PluginOptions)]
pub struct Options {
    /// Epochs of a full training.
    #[option(default = 20, low = 1)]
    pub epochs: u32,
    /// How much two trainings of one configuration differ.
    #[option(default = 0.01, low = 0.0)]
    pub noise: f64,
}

/// Makes the estimator. An estimator with a space of its own, such as a recorded table, would say so
/// in its `info`; this one measures in the run file's.
pub fn make(
    options: Options,
    space: Option<&Arc<Space>>,
    _context: &Context,
) -> Result<Box<dyn Estimator>, ComponentError> {
    let space = space.ok_or_else(|| {
        ComponentError::configuration("there is no space; hint: add `[space]` to the run file")
    })?;
    Ok(Box::new(Training::new(Arc::clone(space), options)))
}

export_estimator!("{{name}}" => make);
