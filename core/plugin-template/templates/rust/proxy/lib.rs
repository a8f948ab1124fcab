//! {{description}}.
//!
//! This file is what makes a plugin of a score: options with their ranges, a function that makes the
//! proxy, one line that exports it. The score is in `score.rs`.

#![forbid(unsafe_code)]

mod score;
pub use score::Weights;

use heirloom_plugin::{ComponentError, Context, PluginOptions, Problem, Proxy, export_proxy};

/// What may stand in the run file beside the proxy's name. These comments are the user's help, and the
/// ranges are checked before the library is loaded.
#[derive(Debug, Clone, PluginOptions)]
pub struct Options {
    /// The parameter that says how many layers there are.
    #[option(default = "layers")]
    pub layers: String,
    /// The parameter that says how many units a layer has.
    #[option(default = "width")]
    pub width: String,
    /// Numbers in a row of the data.
    #[option(default = 64, low = 1)]
    pub inputs: u32,
    /// Classes.
    #[option(default = 10, low = 1)]
    pub outputs: u32,
}

/// Makes the proxy, or says why it cannot score this problem's configurations.
pub fn make(
    options: Options,
    problem: &Problem,
    _context: &Context,
) -> Result<Box<dyn Proxy>, ComponentError> {
    Ok(Box::new(Weights::new(options, problem)?))
}

export_proxy!("{{name}}" => make);
