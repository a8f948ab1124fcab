//! `strategy/2`, as it could come: a strategy that also says why it proposed what it proposed.
//!
//! Both sides of the crossing are here: what a plugin exports, and how a host that knows both versions asks for the
//! newer one and adapts the older.

use std::sync::Arc;

use abi_stable::StableAbi;
use abi_stable::std_types::{RSlice, RStr, RString};
use heirloom_model::{
    AskRequest, ComponentError, Fidelity, Observation, Problem, Proposal, Space, Strategy, TrialId,
};
use heirloom_plugin_abi::{
    AbiResult, Context, HostObject, LoadError, LoadedLibrary, STRATEGY_EXTENSION, StrategyExtension,
    StrategyObject, Written, read_problem, write_problem,
};

/// The id of the extension that is yet to come.
pub const NEXT_STRATEGY_EXTENSION: &str = "strategy/2";

/// What a library with such strategies exports.
#[repr(C)]
#[derive(StableAbi)]
pub struct NextStrategyExtension {
    create:
        extern "C" fn(RStr<'_>, RSlice<'_, u8>, RSlice<'_, u8>, HostObject) -> AbiResult<NextStrategyObject>,
}

/// A strategy of the other side: all that `strategy/1` has, and a reason for each trial.
#[repr(C)]
#[derive(StableAbi)]
pub struct NextStrategyObject {
    base: StrategyObject,
    explain: extern "C" fn(u64) -> RString,
}

/// A strategy as the host of tomorrow sees it.
pub trait ExplainingStrategy: Strategy {
    /// Why a trial was proposed; `None` where the plugin cannot say.
    fn explain(&self, trial: TrialId) -> Option<String>;
}

/// The strategy `name` of `library`, in the newest version that both sides have, and which that is.
pub fn strategy(
    library: &LoadedLibrary,
    name: &str,
    problem: &Problem,
) -> Result<(&'static str, Box<dyn ExplainingStrategy>), LoadError> {
    let version = library.newest(&[NEXT_STRATEGY_EXTENSION, STRATEGY_EXTENSION])?;
    let no_start = |error: ComponentError| LoadError::Start { reason: error.message };
    if version == NEXT_STRATEGY_EXTENSION {
        let extension = library.extension::<NextStrategyExtension>(version)?;
        let subject = write_problem(problem).map_err(no_start)?;
        let host = HostObject::new(&Context::detached());
        let made = (extension.create)(name.into(), b"{}"[..].into(), subject.as_slice().into(), host);
        let object = made.into_result().map_err(|error| no_start(error.into()))?;
        return Ok((NEXT_STRATEGY_EXTENSION, Box::new(object)));
    }
    let extension = library.extension::<StrategyExtension>(version)?;
    let subject = write_problem(problem).map_err(no_start)?;
    let written = Written { options: "{}", subject: &subject };
    let object = extension.create(name, written, &Context::detached()).map_err(no_start)?;
    Ok((STRATEGY_EXTENSION, Box::new(Adapted(object))))
}

/// A strategy of `strategy/1` in the place of one of `strategy/2`.
struct Adapted(StrategyObject);

impl ExplainingStrategy for Adapted {
    fn explain(&self, _: TrialId) -> Option<String> {
        None
    }
}

impl Strategy for Adapted {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.0.ask(request)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.0.tell(observations)
    }
}

impl ExplainingStrategy for NextStrategyObject {
    fn explain(&self, trial: TrialId) -> Option<String> {
        Some((self.explain)(trial.0).into())
    }
}

impl Strategy for NextStrategyObject {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        self.base.ask(request)
    }

    fn tell(&mut self, observations: &[Observation]) -> Result<(), ComponentError> {
        self.base.tell(observations)
    }
}

/// What the plugins export under [`NEXT_STRATEGY_EXTENSION`].
pub static NEXT_STRATEGIES: NextStrategyExtension = NextStrategyExtension { create };

extern "C" fn create(
    _name: RStr<'_>,
    _options: RSlice<'_, u8>,
    problem: RSlice<'_, u8>,
    _host: HostObject,
) -> AbiResult<NextStrategyObject> {
    let made = read_problem(&problem).and_then(|problem| drawing(&problem));
    made.map(|strategy| NextStrategyObject { base: StrategyObject::export(strategy), explain })
        .map_err(Into::into)
        .into()
}

extern "C" fn explain(trial: u64) -> RString {
    format!("trial {trial} was drawn at random").into()
}

/// The plugins' one strategy: uniform draws.
pub fn drawing(problem: &Problem) -> Result<Box<dyn Strategy>, ComponentError> {
    Ok(Box::new(Drawing { space: Arc::clone(&problem.space), fidelity: problem.full_fidelity() }))
}

struct Drawing {
    space: Arc<Space>,
    fidelity: Fidelity,
}

impl Strategy for Drawing {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        let draw = |index| {
            let drawn = self.space.sample(&mut request.rng(index));
            let drawn = drawn.map_err(|error| ComponentError::failed(error.to_string()))?;
            Ok(Proposal::new(drawn, self.fidelity.clone()))
        };
        (0..request.n).map(draw).collect()
    }

    fn tell(&mut self, _: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}
