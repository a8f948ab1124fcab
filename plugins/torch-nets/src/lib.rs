#![doc = include_str!("../README.md")]

mod error;
pub use error::{TorchError, TorchErrorKind};

mod random;
pub use random::{uniform, uniform_mask};

mod weights;
pub use weights::{Initialisation, Weights};

mod forward;
pub use forward::{Mode, Output, forward, forward_observed};

mod optimizer;
pub use optimizer::{Optimizer, Rule};

mod schedule;
pub use schedule::Schedule;

mod loss;
pub use loss::Loss;

mod data;
pub use data::{Data, DataError, DataOptions, Part};

pub mod augment;

mod score;
pub use score::{Score, Scores, macro_auc};

mod train;
pub use train::{Interruption, Progress, Recipe, Training};

pub mod checkpoint;

mod inherit;
pub use inherit::{Inherited, inherit};

mod morphism;
pub use morphism::{Morphism, apply};
