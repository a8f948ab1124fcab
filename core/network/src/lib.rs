#![doc = include_str!("../README.md")]

mod error;
pub use error::NetworkError;

mod operation;
pub use operation::{Activation, Operation, Resampling};

mod network;
pub use network::{Layer, Network, NetworkBuilder, Shape};

mod cost;

mod tensors;
pub use tensors::{TensorRole, TensorSpec};

mod lower;
pub use lower::{Frame, Head};

pub mod preparation;
pub use preparation::Preparation;

pub mod export;
