//! A trained network as files that others open: nothing here needs LibTorch.

mod error;
pub use error::ExportError;

mod file;
pub use file::write_whole;

pub mod safetensors;

mod named;
pub use named::{NamedTensor, in_order};
