//! A proxy's columns, to and from the model's types.

use abi_stable::std_types::RVec;
use heirloom_model::{Configuration, Seed};

use super::{Candidates, Result, Scoring, configurations_from_column, configurations_to_column};
use crate::wire::{Wire, malformed};

impl Scoring {
    /// The columns of configurations to score.
    pub fn from_model(configurations: &[Configuration], seed: Seed) -> Result<Self> {
        let column = configurations_to_column(configurations)?;
        Ok(Self { n: configurations.len() as u64, seed: seed.0, configurations: column })
    }

    /// The configurations to score, and the seed.
    pub fn to_model(&self) -> Result<(Vec<Configuration>, Seed)> {
        Ok((configurations_from_column(&self.configurations, self.n as usize)?, Seed(self.seed)))
    }
}

impl Candidates {
    /// The configurations.
    pub fn to_model(&self) -> Result<Vec<Configuration>> {
        configurations_from_column(&self.configurations, self.n as usize)
    }
}

/// Appends scores, `[n]`, to a frame.
pub fn write_scores(scores: &[f64], frame: &mut Vec<u8>) {
    RVec::from(scores).write(frame);
}

/// Reads a frame's scores into `scores`, which must be as many.
pub fn read_scores(frame: &[u8], scores: &mut [f64]) -> Result<()> {
    let read = RVec::<f64>::read_all(frame)?;
    if read.len() != scores.len() {
        return Err(malformed("the scores are not as many as the configurations"));
    }
    scores.copy_from_slice(&read);
    Ok(())
}
