#![doc = include_str!("../README.md")]

mod check;
pub use check::RunFile;

mod run_config;
pub use run_config::{
    BudgetConfig, ComponentConfig, DataConfig, Isolation, ObjectiveConfig, ProxyConfig, RunConfig,
    TargetConfig, TaskConfig, VoteConfig, VoteWeights, WarmStartConfig, WarmStartMode, WorkerConfig,
};

mod catalogue;
pub use catalogue::{Catalogue, ComponentKind, OptionMistake};

mod mistake;
pub use mistake::{ConfigError, Mistake};

pub mod space;

mod schema;
pub use schema::{MAX_WORKERS, reference};
mod tree;
mod validate;

#[cfg(test)]
mod tests;
