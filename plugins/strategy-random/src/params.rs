//! The strategy's table of the run file.

use heirloom_plugin::{ComponentError, PluginOptions};

/// The table as it is written.
#[derive(Debug, Clone, PluginOptions)]
pub struct Options {
    /// How configurations are drawn.
    #[option(default = "random")]
    pub kind: Kind,
    /// `random`: draw from the parameters' priors where they have some.
    #[option(default = false)]
    pub priors: bool,
    /// `grid`: values taken of a real parameter without a step, both ends among them.
    #[option(default = 5, low = 1)]
    pub points: usize,
    /// `grid`: visit the points in random order, which is drawing without replacement.
    #[option(default = false)]
    pub shuffle: bool,
}

/// How configurations are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub enum Kind {
    /// Independently and uniformly.
    Random,
    /// By a scrambled Halton sequence.
    QuasiRandom,
    /// All of them, one after another.
    Grid,
}

/// The checked table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Params {
    /// Independent draws.
    Random {
        /// From the priors, not uniformly.
        priors: bool,
    },
    /// A scrambled Halton sequence.
    QuasiRandom,
    /// Every point of a grid.
    Grid {
        /// Values of a real parameter, at least 1.
        points: usize,
        /// In random order.
        shuffle: bool,
    },
}

impl Options {
    /// Checks the table: every field that is set must mean something for the kind.
    pub fn check(&self) -> Result<Params, ComponentError> {
        let unused = |field: &str, kind: &str| {
            let message =
                format!("`{field}` has no meaning here; hint: leave it out or set `kind = \"{kind}\"`");
            Err(ComponentError::configuration(message))
        };
        if self.priors && self.kind != Kind::Random {
            return unused("priors", "random");
        }
        if self.shuffle && self.kind != Kind::Grid {
            return unused("shuffle", "grid");
        }
        Ok(match self.kind {
            Kind::Random => Params::Random { priors: self.priors },
            Kind::QuasiRandom => Params::QuasiRandom,
            Kind::Grid => Params::Grid { points: self.points, shuffle: self.shuffle },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_without_meaning_for_the_kind_is_refused() {
        let refused = |options: Options| options.check().unwrap_err().message;
        let shuffled = Options { shuffle: true, ..Options::default() };
        assert!(refused(shuffled).contains("hint: leave it out or set `kind = \"grid\"`"));
        let priors = Options { kind: Kind::Grid, priors: true, ..Options::default() };
        assert!(refused(priors).contains("`priors`"));
        assert_eq!(Options::default().check(), Ok(Params::Random { priors: false }));
    }
}
