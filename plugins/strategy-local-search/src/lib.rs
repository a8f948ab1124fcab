#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod params;
pub use params::{Move, Options};

mod climb;
mod local_search;
pub use local_search::LocalSearch;

use heirloom_plugin::{ComponentError, Context, Problem, Strategy, export_strategy};

/// Local search with `options` on `problem`.
pub fn strategy(
    options: Options,
    problem: &Problem,
    _context: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    Ok(Box::new(LocalSearch::new(problem, options)))
}

export_strategy!("local-search" => strategy);
