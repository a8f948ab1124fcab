#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod options;
pub use options::{Options, SeedPolicy};

mod estimator;
pub use estimator::TableEstimator;

use std::sync::Arc;

use heirloom_plugin::{ComponentError, Context, Estimator, Space, export_estimator};

export_estimator!("table" => table);

/// The estimator that `options` describe; `space` is the run file's, where it has one.
pub fn table(
    options: Options,
    space: Option<&Arc<Space>>,
    _context: &Context,
) -> Result<Box<dyn Estimator>, ComponentError> {
    Ok(Box::new(TableEstimator::new(&options, space.map(Arc::as_ref))?))
}
