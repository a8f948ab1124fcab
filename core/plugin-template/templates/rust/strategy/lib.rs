//! {{description}}.
//!
//! This file is what makes a plugin of an algorithm: options with their ranges, a function that makes
//! the strategy, one line that exports it. The algorithm is in `search.rs`.

#![forbid(unsafe_code)]

mod search;
pub use search::Search;

use heirloom_plugin::{ComponentError, Context, PluginOptions, Problem, Strategy, export_strategy};

/// What may stand in the run file beside the strategy's name. These comments are the user's help, and
/// the ranges are checked before the library is loaded.
#[derive(Debug, Clone, Copy, PluginOptions)]
pub struct Options {
    /// Random configurations before the first change of a good one.
    #[option(default = 10, low = 1)]
    pub n_initial: usize,
    /// How many of the best configurations are changed further.
    #[option(default = 5, low = 1)]
    pub n_parents: usize,
    /// The share of proposals that are drawn anew.
    #[option(default = 0.1, low = 0.0, high = 1.0)]
    pub fresh: f64,
}

/// Makes the strategy. The context lends other components by name and a budget of threads; this
/// strategy needs neither.
pub fn make(
    options: Options,
    problem: &Problem,
    _context: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    Ok(Box::new(Search::new(problem, options)))
}

export_strategy!("{{name}}" => make);
