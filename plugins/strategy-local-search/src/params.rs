//! The strategy's table of the run file.

use heirloom_model::ComponentError;
use serde::Deserialize;

/// The table as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Configurations drawn at random before each climb, which starts from the best of them. The reference
    /// implementation of White et al. draws 10.
    pub n_starts: u32,
    /// When the climb moves.
    #[serde(rename = "move")]
    pub moves: Move,
}

impl Default for Options {
    fn default() -> Self {
        Self { n_starts: 10, moves: Move::Best }
    }
}

/// When a climb moves to a better neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Move {
    /// When all neighbours are known, to the best of them.
    Best,
    /// As soon as one is better.
    First,
}

/// The checked table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Draws before each climb, at least 1.
    pub n_starts: usize,
    /// When the climb moves.
    pub moves: Move,
}

impl Options {
    /// Checks the table.
    pub fn check(&self) -> Result<Params, ComponentError> {
        if self.n_starts == 0 {
            let message = "`n_starts = 0` leaves nothing to climb from; hint: give at least 1";
            return Err(ComponentError::configuration(message));
        }
        Ok(Params { n_starts: self.n_starts as usize, moves: self.moves })
    }
}
