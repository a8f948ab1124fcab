#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod params;
pub use params::{Options, Params};

mod evolution;
pub use evolution::Evolution;

use heirloom_model::{ComponentError, Problem, Strategy};

/// Regularised evolution with `options` on `problem`.
pub fn strategy(options: Options, problem: &Problem) -> Result<Box<dyn Strategy>, ComponentError> {
    Ok(Box::new(Evolution::new(problem, options.check()?)))
}
