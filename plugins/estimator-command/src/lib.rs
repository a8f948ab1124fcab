#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod params;
pub use params::{FidelityOptions, ObjectiveDirection, ObjectiveOptions, Options};

mod command;
pub use command::Command;

mod measurement;
mod process;

use std::sync::Arc;

use heirloom_plugin::{ComponentError, Context, Estimator, Space, export_estimator};

/// The estimator that runs the program of `options` for configurations of `space`.
pub fn estimator(
    options: Options,
    space: Option<&Arc<Space>>,
    _context: &Context,
) -> Result<Box<dyn Estimator>, ComponentError> {
    options.check()?;
    let space = space.ok_or_else(|| {
        ComponentError::configuration("a program has no search space of its own; hint: add a `[space]` table")
    })?;
    Ok(Box::new(Command::new(options, Arc::clone(space))))
}

export_estimator!("command" => estimator);
