//! The estimator's table of the run file.

use serde::Deserialize;

/// The table as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// A folder with a `table.toml`, or such a file.
    pub table: String,
    /// Which of the table's tasks; may be left out where there is only one.
    pub task: Option<String>,
    /// Which of a configuration's trainings count.
    #[serde(default)]
    pub seed_policy: SeedPolicy,
    /// Evaluate everything at this size; every recorded size is offered by default.
    pub fidelity: Option<f64>,
}

/// Which of a configuration's trainings count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedPolicy {
    /// Their mean.
    #[default]
    Mean,
    /// One, drawn from the trial's seed.
    Random,
}
