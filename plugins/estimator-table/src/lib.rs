#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod params;
pub use params::{Options, SeedPolicy};

mod estimator;
pub use estimator::TableEstimator;
