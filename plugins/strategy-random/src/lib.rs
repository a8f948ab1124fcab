#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod params;
pub use params::{Kind, Options, Params};

mod random;
pub use random::Random;

mod quasi_random;
pub use quasi_random::{Halton, QuasiRandom};

mod grid;
pub use grid::{Grid, GridSearch};

use heirloom_plugin::{ComponentError, Context, Problem, Strategy, export_strategy};

/// The strategy that `options` describe, for `problem`.
pub fn strategy(
    options: Options,
    problem: &Problem,
    _context: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    Ok(match options.check()? {
        Params::Random { priors } => Box::new(Random::new(problem, priors)),
        Params::QuasiRandom => Box::new(QuasiRandom::new(problem)),
        Params::Grid { points, shuffle } => Box::new(GridSearch::new(problem, points, shuffle)?),
    })
}

export_strategy!("random" => strategy);
