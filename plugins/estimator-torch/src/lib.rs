#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod options;
pub use options::{
    DeviceChoice, FidelityChoice, Keep, OptimizerChoice, Options, Precision, ScheduleChoice, ScheduleSpan,
    TargetChoice,
};

mod settings;

mod fidelity;

mod folder;

mod measures;

mod memory;

mod trial;

mod estimator;
pub use estimator::TorchEstimator;

use std::sync::Arc;

use heirloom_plugin::{ComponentError, Context, Estimator, Space, export_estimator};

/// The estimator that trains networks of `space` on the data set that `options` name.
pub fn torch(
    options: Options,
    space: Option<&Arc<Space>>,
    _context: &Context,
) -> Result<Box<dyn Estimator>, ComponentError> {
    let space = space.ok_or_else(|| {
        ComponentError::configuration(
            "a training has no search space of its own; hint: add a `[space]` table with an `[space.architecture]`",
        )
    })?;
    Ok(Box::new(TorchEstimator::new(options, Arc::clone(space))?))
}

export_estimator!("torch" => torch);
