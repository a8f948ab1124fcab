//! The strategy's table of the run file.

use heirloom_plugin::{ComponentError, PluginOptions};

/// The options of regularised evolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub struct Options {
    /// Members kept, and random configurations at the start: P in the paper.
    #[option(default = 30, low = 1)]
    pub population: usize,
    /// Members drawn for a tournament: S in the paper.
    #[option(default = 10, low = 1)]
    pub tournament: usize,
    /// Mutate again when a child was proposed before.
    #[option(default = false)]
    pub distinct: bool,
}

impl Options {
    /// Checks what the options' ranges cannot say.
    pub fn check(&self) -> Result<(), ComponentError> {
        let Self { population, tournament, .. } = self;
        if tournament > population {
            return Err(ComponentError::configuration(format!(
                "`tournament = {tournament}` is above `population = {population}`; hint: a third of the population is \
                 usual"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tournament_larger_than_the_population_is_refused() {
        let options = Options { population: 5, tournament: 6, ..Options::default() };
        assert!(options.check().unwrap_err().message.contains("hint: a third"));
        assert_eq!(Options::default().check(), Ok(()));
    }
}
