//! The estimator's table of the run file.

use std::path::PathBuf;

use heirloom_plugin::PluginOptions;

/// Looks evaluations up in a recorded table.
#[derive(Debug, Clone, PluginOptions)]
pub struct Options {
    /// A folder with a `table.toml`, or such a file.
    pub table: PathBuf,
    /// Which of the table's tasks; may be left out where there is only one.
    pub task: Option<String>,
    /// Which of a configuration's recorded trainings count: their `mean`, or one at `random`, drawn from the
    /// trial's seed.
    #[option(default = "mean")]
    pub seed_policy: SeedPolicy,
    /// The size at which everything is evaluated; by default every recorded size is offered.
    pub fidelity: Option<f64>,
}

/// Which of a configuration's recorded trainings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum SeedPolicy {
    /// Their mean.
    Mean,
    /// One, drawn from the trial's seed.
    Random,
}
