#![doc = include_str!("../README.md")]

mod catalogue;
mod deadline;
mod describe;
mod encode;
mod landmark;
mod moments;
mod pca;
mod simple;

pub use catalogue::{CostClass, NAMES, VERSION};
pub use describe::{MetaFeature, MetaFeatureSet, Options, Skipped, describe};
