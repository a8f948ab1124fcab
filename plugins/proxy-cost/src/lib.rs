#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod options;
pub use options::{Measure, Options};

mod proxy;
pub use proxy::CostProxy;

use heirloom_plugin::{ComponentError, Context, Problem, Proxy, export_proxy};

/// The proxy that `options` describe, for `problem`.
pub fn cost(
    options: Options,
    problem: &Problem,
    _context: &Context,
) -> Result<Box<dyn Proxy>, ComponentError> {
    Ok(Box::new(CostProxy::new(&options.check()?, problem)?))
}

export_proxy!("cost" => cost);
