#![doc = include_str!("../README.md")]

mod dataset;
mod delimited;
mod error;
mod file;
mod fingerprint;
mod idx;
mod images;
mod npz;
mod parquet_file;
mod shared;
mod split;
mod table;

pub use dataset::{Dataset, DatasetOptions, FeatureKind, Target, TargetKind};
pub use error::{Error, Result};
pub use idx::read_idx;
pub use images::{Intensities, NO_CLASS, Pixels};
pub use npz::{Array, ArrayValues, read_npz};
pub use shared::shared_data;
pub use split::{Split, shuffled_rows, stratified_folds};
pub use table::{Column, ColumnType, Table, Text, Value, Values};
