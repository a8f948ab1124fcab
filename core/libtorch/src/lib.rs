#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
pub use error::LibTorchError;

mod folder;
pub use folder::LibTorch;

mod search;
pub use search::{Place, find, hint, in_python};

mod user;
pub use user::{Build, data_folder, user_folder};

/// The version of LibTorch that `tch` is written for.
pub const VERSION: &str = "2.11.0";
