#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod params;
pub use params::Options;

mod evolution;
pub use evolution::Evolution;

use heirloom_plugin::{ComponentError, Context, Problem, Strategy, export_strategy};

/// Regularised evolution with `options` on `problem`.
pub fn strategy(
    options: Options,
    problem: &Problem,
    _context: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    options.check()?;
    Ok(Box::new(Evolution::new(problem, options)))
}

export_strategy!("evolution" => strategy);
