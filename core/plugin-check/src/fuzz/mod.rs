//! Random sequences of asks and tells, looked through for one that a strategy does not survive.

mod hunt;
mod sequence;
mod shrink;

pub use hunt::{FuzzReport, fuzz_plugin, replay};
pub use sequence::{Call, Replay, Told};

pub(crate) use hunt::{Hunt, hunt};
pub(crate) use sequence::play;
