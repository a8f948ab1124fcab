//! The strategy's table of the run file.

use heirloom_model::ComponentError;
use serde::Deserialize;

/// The table as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Members kept, and random configurations at the start: P in the paper.
    pub population: u32,
    /// Members drawn for a tournament: S in the paper.
    pub tournament: u32,
    /// Mutate again when a child was proposed before.
    pub distinct: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { population: 30, tournament: 10, distinct: false }
    }
}

/// The checked table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// Members kept, at least 1.
    pub population: usize,
    /// Members in a tournament, `1..=population`.
    pub tournament: usize,
    /// Mutate again when a child was proposed before.
    pub distinct: bool,
}

impl Options {
    /// Checks the table.
    pub fn check(&self) -> Result<Params, ComponentError> {
        let Self { population, tournament, distinct } = *self;
        if !(1..=population).contains(&tournament) {
            let message = format!(
                "`tournament = {tournament}` is not between 1 and `population = {population}`; hint: a third \
                 of the population is usual"
            );
            return Err(ComponentError::configuration(message));
        }
        Ok(Params { population: population as usize, tournament: tournament as usize, distinct })
    }
}
