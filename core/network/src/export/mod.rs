//! A trained network as files that others open: nothing here needs LibTorch.
//!
//! Every writer takes the network and its tensors in the order of [`Network::tensors`](crate::Network::tensors), and
//! writes what the network does in evaluation: nothing drops, running statistics normalise, the auxiliary head is
//! left out.

mod error;
pub use error::ExportError;

mod file;
pub use file::write_whole;

mod named;
pub use named::{NamedTensor, in_order};

pub mod safetensors;

mod steps;

mod python;

mod onnx;
pub use onnx::onnx;

mod torchscript;
pub use torchscript::torchscript;

mod pytorch;
pub use pytorch::pytorch_module;

mod folder;
pub use folder::{ExportedFile, write_folder};
