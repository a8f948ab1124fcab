//! The strategy's table of the run file.

use heirloom_plugin::PluginOptions;

/// The options of local search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub struct Options {
    /// Configurations drawn at random before each climb, which starts from the best of them. The reference
    /// implementation of White et al. draws 10.
    #[option(default = 10, low = 1)]
    pub n_starts: usize,
    /// When the climb moves.
    #[option(rename = "move", default = "best")]
    pub moves: Move,
}

/// When a climb moves to a better neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum Move {
    /// When all neighbours are known, to the best of them.
    Best,
    /// As soon as one is better.
    First,
}
