//! The strategy's table of the run file.

use heirloom_plugin::{NestedStrategy, PluginOptions};

/// The options of asynchronous successive halving.
#[derive(Debug, Clone, PartialEq, PluginOptions)]
pub struct Options {
    /// The strategy that proposes configurations; without one, uniform draws.
    pub base: Option<NestedStrategy>,
    /// One in so many goes on to the next size, which is so many times larger: η in the paper.
    #[option(default = 3, low = 2)]
    pub reduction: usize,
    /// The dimension of fidelity that grows; by default the first.
    pub dimension: Option<String>,
    /// The smallest size that is evaluated, above 0; by default the dimension's.
    pub lowest: Option<f64>,
    /// Whether a trial that goes on names its predecessor, to be trained further.
    #[option(default = true)]
    pub continues: bool,
}
