//! A library with the C interface, loaded.

use std::path::Path;
use std::sync::OnceLock;

use heirloom_model::ComponentError;

use crate::embed::{self, Embedded, Kind};
use crate::estimator::EstimatorObject;
use crate::host::Context;
use crate::log::LogSink;
use crate::problem::{Written, read_json, read_problem, read_space};
use crate::proxy::ProxyObject;
use crate::root::LoadError;
use crate::strategy::StrategyObject;

use super::setup::Setup;
use super::table::{HeirloomComponent, HeirloomPlugin};
use super::{estimator, items, proxy, strategy, text};

/// The function that a library exports.
const SYMBOL: &[u8] = b"heirloom_plugin_1\0";

/// A library that is loaded, and stays so for as long as the process.
pub struct Library {
    embedded: Embedded,
    components: &'static [HeirloomComponent],
    log: OnceLock<LogSink>,
}

// SAFETY: the tables are constants of the library, which is never unloaded.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Loads the library at `path`; `None` where it has no such interface.
    ///
    /// Run its checks before: this executes the library's code.
    pub(crate) fn load(path: &Path) -> Result<Option<&'static Self>, LoadError> {
        let open = |error: libloading::Error| LoadError::Open { reason: error.to_string() };
        // SAFETY: what the library does when it is loaded is its own; the caller has decided to run it.
        let library = unsafe { libloading::Library::new(path) }.map_err(open)?;
        // SAFETY: the symbol's type is that of the header, which is the only one to define it.
        let Ok(plugin) = (unsafe { library.get::<unsafe extern "C" fn() -> *const HeirloomPlugin>(SYMBOL) })
        else {
            return Ok(None);
        };
        // SAFETY: as above.
        let table = unsafe { plugin() };
        let start = |reason: &str| LoadError::Start { reason: reason.into() };
        // SAFETY: the table is a constant of the library.
        let table = unsafe { table.as_ref() }.ok_or_else(|| start("its table is null"))?;
        // SAFETY: both are symbols of one object, the record and its end.
        let length = unsafe { table.record_end.offset_from(table.record) };
        let length = usize::try_from(length).map_err(|_| start("its record ends before it begins"))?;
        // SAFETY: as above.
        let record = unsafe { items(table.record, length) };
        let embedded = embed::parse(record).map_err(|error| start(&error.to_string()))?;
        // SAFETY: as above.
        let components = unsafe { items(table.components, table.n_components) };
        // Once a process: a library is not unloaded, so that its functions stay.
        std::mem::forget(library);
        Ok(Some(Box::leak(Box::new(Self { embedded, components, log: OnceLock::new() }))))
    }

    /// A library without any, for tests of what is adapted.
    #[cfg(test)]
    pub(super) fn without_components() -> &'static Self {
        const LENGTH: usize = embed::record_length(&[], "0.0.0", "");
        let embedded = embed::parse(&embed::record::<LENGTH>(&[], "0.0.0", "")).unwrap();
        Box::leak(Box::new(Self { embedded, components: &[], log: OnceLock::new() }))
    }

    pub(crate) fn interface(&self) -> u32 {
        self.embedded.record.interface
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.embedded.fingerprint
    }

    pub(crate) fn manifest(&self) -> &str {
        &self.embedded.manifest
    }

    pub(crate) fn init(&self, log: LogSink) {
        let _ = self.log.set(log);
    }

    pub(super) fn log(&self) -> Option<&LogSink> {
        self.log.get()
    }

    /// Whether it has components of a kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.components.iter().any(|component| component.is(kind))
    }

    fn find(&self, kind: Kind, name: &str) -> Result<&'static HeirloomComponent, ComponentError> {
        // SAFETY: names are constants of the library.
        let has_name = |component: &&HeirloomComponent| unsafe { text(component.name) } == name;
        self.components.iter().filter(|component| component.is(kind)).find(has_name).ok_or_else(|| {
            ComponentError::failed(format!("the library exports no such component: {kind} `{name}`"))
        })
    }

    pub(crate) fn strategy(
        &'static self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<StrategyObject, ComponentError> {
        let (options, problem) = (read_json(written.options.as_bytes())?, read_problem(written.subject)?);
        let component = self.find(Kind::Strategy, name)?;
        // SAFETY: `find` gives one that has it.
        let functions = unsafe { &*component.strategy };
        let setup = Setup::new(self, name, &options, Some(&problem), Some(&problem.space), context);
        Ok(StrategyObject::export(Box::new(strategy::Adapted::new(functions, setup, &problem)?)))
    }

    pub(crate) fn estimator(
        &'static self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<EstimatorObject, ComponentError> {
        let (options, space) = (read_json(written.options.as_bytes())?, read_space(written.subject)?);
        let component = self.find(Kind::Estimator, name)?;
        // SAFETY: as in `strategy`.
        let functions = unsafe { &*component.estimator };
        let setup = Setup::new(self, name, &options, None, space.as_ref(), context);
        Ok(EstimatorObject::export(Box::new(estimator::Adapted::new(functions, setup)?)))
    }

    pub(crate) fn proxy(
        &'static self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<ProxyObject, ComponentError> {
        let (options, problem) = (read_json(written.options.as_bytes())?, read_problem(written.subject)?);
        let component = self.find(Kind::Proxy, name)?;
        // SAFETY: as in `strategy`.
        let functions = unsafe { &*component.proxy };
        let setup = Setup::new(self, name, &options, Some(&problem), Some(&problem.space), context);
        Ok(ProxyObject::export(Box::new(proxy::Adapted::new(functions, setup)?)))
    }
}

impl HeirloomComponent {
    fn is(&self, kind: Kind) -> bool {
        match kind {
            Kind::Strategy => !self.strategy.is_null(),
            Kind::Estimator => !self.estimator.is_null(),
            Kind::Proxy => !self.proxy.is_null(),
        }
    }
}
