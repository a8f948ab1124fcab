#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod probe;
pub use probe::Probe;

mod sample;
pub use sample::{Sample, Targets};

mod score;
pub use score::Score;

mod options;
pub use options::{DeviceChoice, Draw, Options, TargetChoice};

mod shown;

mod proxy;
pub use proxy::ScoreProxy;

use heirloom_plugin::{ComponentError, Context, Problem, Proxy, export_proxy};

/// The proxy of one score, for `problem`.
pub fn proxy(
    score: Score,
    options: Options,
    problem: &Problem,
    context: &Context,
) -> Result<Box<dyn Proxy>, ComponentError> {
    Ok(Box::new(ScoreProxy::new(score, options, problem, context.threads())?))
}

/// Defines a function for each score, and exports them.
macro_rules! export {
    ($($name:literal => $make:ident: $score:ident),+ $(,)?) => {
        mod exported {
            use super::{ComponentError, Context, Options, Problem, Proxy, Score, proxy};

            $(pub(crate) fn $make(
                options: Options,
                problem: &Problem,
                context: &Context,
            ) -> Result<Box<dyn Proxy>, ComponentError> {
                proxy(Score::$score, options, problem, context)
            })+
        }

        export_proxy!($($name => exported::$make),+);
    };
}

export! {
    "naswot" => naswot: Naswot,
    "jacov" => jacov: Jacov,
    "synflow" => synflow: Synflow,
    "snip" => snip: Snip,
    "grasp" => grasp: Grasp,
    "fisher" => fisher: Fisher,
    "grad-norm" => grad_norm: GradNorm,
    "plain" => plain: Plain,
    "l2-norm" => l2_norm: L2Norm,
    "zen" => zen: Zen,
    "ntk" => ntk: Ntk,
    "linear-regions" => linear_regions: LinearRegions,
    "epe-nas" => epe_nas: EpeNas,
    "zico" => zico: Zico,
}
