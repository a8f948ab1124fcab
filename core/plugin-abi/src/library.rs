//! A plugin library from the inside: the components it exports, and the functions through which a host reaches them.

use abi_stable::std_types::{ROption, RSlice, RStr};
use heirloom_model::{ComponentError, Estimator, Problem, Proxy, Space, Strategy};
use serde_json::Value as Json;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::embed::{self, Kind};
use crate::error::AbiResult;
use crate::estimator::{ESTIMATOR_EXTENSION, EstimatorExtension, EstimatorObject};
use crate::guard::{guard, keep_panic_places};
use crate::host::{Context, HostObject};
use crate::log::LogSink;
use crate::problem::{read_json, read_problem, read_space};
use crate::proxy::{PROXY_EXTENSION, ProxyExtension, ProxyObject};
use crate::root::{Extension, Root};
use crate::strategy::{STRATEGY_EXTENSION, StrategyExtension, StrategyObject};

type Result<T> = std::result::Result<T, ComponentError>;

/// One exported component: its name, the JSON schema of its options, and how it is made.
pub struct Component {
    /// Its name in run files.
    pub name: &'static str,
    /// The members of its options' JSON schema.
    pub schema: &'static str,
    /// How it is made.
    pub factory: Factory,
}

/// Makes a strategy for a problem.
pub type MakeStrategy = fn(&Json, &Problem, &Context) -> Result<Box<dyn Strategy>>;

/// Makes an estimator for the run file's space, where there is one.
pub type MakeEstimator = fn(&Json, Option<&Arc<Space>>, &Context) -> Result<Box<dyn Estimator>>;

/// Makes a proxy for a problem.
pub type MakeProxy = fn(&Json, &Problem, &Context) -> Result<Box<dyn Proxy>>;

/// How a component is made from its options.
#[derive(Clone, Copy)]
pub enum Factory {
    /// A strategy.
    Strategy(MakeStrategy),
    /// An estimator.
    Estimator(MakeEstimator),
    /// A proxy.
    Proxy(MakeProxy),
}

impl Component {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self.factory {
            Factory::Strategy(_) => Kind::Strategy,
            Factory::Estimator(_) => Kind::Estimator,
            Factory::Proxy(_) => Kind::Proxy,
        }
    }
}

/// What a library exports. Implemented by the export macros alone.
pub trait Exports: 'static {
    /// Its components.
    const COMPONENTS: &'static [Component];
    /// Its embedded record: see [`embed`].
    const RECORD: &'static [u8];
}

/// The root module of a library.
///
/// # Panics
///
/// When the record is damaged, which the constant functions that make it exclude.
pub fn root<L: Exports>() -> Root {
    let embedded = embed::parse(L::RECORD).expect("`embed::record` made it");
    // Once a process: a library is not unloaded.
    Root {
        interface: embedded.record.interface,
        fingerprint: RStr::from_str(embedded.fingerprint.leak()),
        manifest: RStr::from_str(embedded.manifest.leak()),
        init,
        get_extension: get_extension::<L>,
        deinit,
    }
}

struct Extensions<L>(PhantomData<L>);

impl<L: Exports> Extensions<L> {
    const STRATEGY: &'static StrategyExtension = &StrategyExtension { create: create_strategy::<L> };
    const ESTIMATOR: &'static EstimatorExtension = &EstimatorExtension { create: create_estimator::<L> };
    const PROXY: &'static ProxyExtension = &ProxyExtension { create: create_proxy::<L> };
}

extern "C" fn init(log: LogSink) -> AbiResult<()> {
    guard(|| {
        log.install();
        keep_panic_places();
        Ok(())
    })
}

extern "C" fn deinit() -> AbiResult<()> {
    AbiResult::ROk(())
}

extern "C" fn get_extension<L: Exports>(id: RStr<'_>) -> ROption<Extension> {
    let has = |kind| L::COMPONENTS.iter().any(|component| component.kind() == kind);
    match id.as_str() {
        STRATEGY_EXTENSION if has(Kind::Strategy) => {
            ROption::RSome(Extension::new(Extensions::<L>::STRATEGY))
        }
        ESTIMATOR_EXTENSION if has(Kind::Estimator) => {
            ROption::RSome(Extension::new(Extensions::<L>::ESTIMATOR))
        }
        PROXY_EXTENSION if has(Kind::Proxy) => ROption::RSome(Extension::new(Extensions::<L>::PROXY)),
        _ => ROption::RNone,
    }
}

/// The factory of the component `name`, as the one that `select` wants.
fn find<L: Exports, T>(name: &str, select: impl Fn(Factory) -> Option<T>) -> Result<T> {
    let mut named = L::COMPONENTS.iter().filter(|component| component.name == name);
    named
        .find_map(|component| select(component.factory))
        .ok_or_else(|| ComponentError::failed(format!("the library exports no such component `{name}`")))
}

extern "C" fn create_strategy<L: Exports>(
    name: RStr<'_>,
    options: RSlice<'_, u8>,
    problem: RSlice<'_, u8>,
    host: HostObject,
) -> AbiResult<StrategyObject> {
    guard(|| {
        let make = find::<L, _>(name.as_str(), |factory| match factory {
            Factory::Strategy(make) => Some(make),
            _ => None,
        })?;
        let strategy = make(&read_json(&options)?, &read_problem(&problem)?, &host.into_context())?;
        Ok(StrategyObject::export(strategy))
    })
}

extern "C" fn create_estimator<L: Exports>(
    name: RStr<'_>,
    options: RSlice<'_, u8>,
    space: RSlice<'_, u8>,
    host: HostObject,
) -> AbiResult<EstimatorObject> {
    guard(|| {
        let make = find::<L, _>(name.as_str(), |factory| match factory {
            Factory::Estimator(make) => Some(make),
            _ => None,
        })?;
        let space = read_space(&space)?;
        let estimator = make(&read_json(&options)?, space.as_ref(), &host.into_context())?;
        Ok(EstimatorObject::export(estimator))
    })
}

extern "C" fn create_proxy<L: Exports>(
    name: RStr<'_>,
    options: RSlice<'_, u8>,
    problem: RSlice<'_, u8>,
    host: HostObject,
) -> AbiResult<ProxyObject> {
    guard(|| {
        let make = find::<L, _>(name.as_str(), |factory| match factory {
            Factory::Proxy(make) => Some(make),
            _ => None,
        })?;
        let proxy = make(&read_json(&options)?, &read_problem(&problem)?, &host.into_context())?;
        Ok(ProxyObject::export(proxy))
    })
}
