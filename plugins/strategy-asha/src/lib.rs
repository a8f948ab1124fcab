#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod params;
pub use params::Options;

mod rungs;

mod asha;
pub use asha::Asha;

use heirloom_plugin::{ComponentError, Context, Problem, Strategy, export_strategy};

mod uniform;
use uniform::UniformDraws;

/// Asynchronous successive halving with `options` on `problem`; the base comes from the host.
pub fn strategy(
    options: Options,
    problem: &Problem,
    context: &Context,
) -> Result<Box<dyn Strategy>, ComponentError> {
    let base = match &options.base {
        Some(base) => base.make(problem, context)?,
        None => Box::new(UniformDraws::new(problem)),
    };
    Ok(Box::new(Asha::new(problem, &options, base)?))
}

export_strategy!("asha" => strategy);
