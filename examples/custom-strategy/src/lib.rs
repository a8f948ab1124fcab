//! Threshold accepting as a Heirloom plugin.
//!
//! This file is what makes a plugin of an algorithm: options with their ranges, a function that makes the strategy,
//! one line that exports it.

#![forbid(unsafe_code)]

mod threshold_accepting;
pub use threshold_accepting::ThresholdAccepting;

use heirloom_plugin::{ComponentError, Context, PluginOptions, Problem, Strategy, export_strategy};

/// What may stand in the run file beside `name = "threshold-accepting"`. These comments are the user's help, and
/// the ranges are checked before the library is loaded.
#[derive(Debug, Clone, Copy, PluginOptions)]
pub struct Options {
    /// Random configurations before the walk begins at the best of them.
    #[option(default = 10, low = 1)]
    pub n_initial: usize,
    /// How much worse a step may be at first, in standard deviations of the initial results.
    #[option(default = 0.3, low = 0.0)]
    pub threshold: f64,
    /// What is left of the threshold after a trial.
    #[option(default = 0.97, low = 0.0, high = 1.0)]
    pub cooling: f64,
}

/// Makes the strategy. The context lends other components by name and a budget of threads; this one needs neither.
pub fn threshold_accepting(
    options: Options,
    problem: &Problem,
    _context: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    Ok(Box::new(ThresholdAccepting::new(problem, options)))
}

export_strategy!("threshold-accepting" => threshold_accepting);
