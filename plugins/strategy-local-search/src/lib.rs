#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod params;
pub use params::{Move, Options, Params};

mod climb;
mod local_search;
pub use local_search::LocalSearch;

use heirloom_model::{ComponentError, Problem, Strategy};

/// Local search with `options` on `problem`.
pub fn strategy(options: Options, problem: &Problem) -> Result<Box<dyn Strategy>, ComponentError> {
    Ok(Box::new(LocalSearch::new(problem, options.check()?)))
}
