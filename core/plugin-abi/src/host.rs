//! What a component may ask of its host.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use abi_stable::StableAbi;
use abi_stable::std_types::{RSlice, RStr, RString};
use heirloom_model::{ComponentError, Components, Problem, Strategy};
use serde_json::Value as Json;

use crate::error::{AbiResult, from_abi};
use crate::guard::{Guarded, Handle, call_ref, drop_guarded};
use crate::problem::{read_json, read_problem, write_problem};
use crate::strategy::StrategyObject;

/// The host, as a component sees it.
pub trait HostServices: Components {
    /// Whether the run was told to end.
    fn cancelled(&self) -> bool;
}

/// What a component is given when it is made, and may keep: the host's services, a budget of threads, a folder.
#[derive(Clone)]
pub struct Context {
    services: Arc<dyn HostServices>,
    threads: usize,
    folder: PathBuf,
}

impl Context {
    /// A context of the given services.
    pub fn new(services: Arc<dyn HostServices>, threads: usize, folder: impl Into<PathBuf>) -> Self {
        Self { services, threads: threads.max(1), folder: folder.into() }
    }

    /// A context without a host: one thread, no other components. For tests.
    pub fn detached() -> Self {
        Self::new(Arc::new(NoHost), 1, PathBuf::new())
    }

    /// Other components by name: how a strategy wraps another.
    pub fn components(&self) -> &dyn Components {
        &*self.services
    }

    /// How many threads the component may use at the same time. Give it to your thread pool: pools are per library
    /// and would take all cores.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The run file's folder. Options that are paths are already absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the run was told to end: something that works for long between two calls looks here.
    pub fn cancelled(&self) -> bool {
        self.services.cancelled()
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("threads", &self.threads).finish_non_exhaustive()
    }
}

struct NoHost;

impl Components for NoHost {
    fn strategy(
        &self,
        name: &str,
        _options: &Json,
        _problem: &Problem,
    ) -> Result<Box<dyn Strategy>, ComponentError> {
        Err(ComponentError::failed(format!("there is no host here to ask for strategy `{name}`")))
    }
}

impl HostServices for NoHost {
    fn cancelled(&self) -> bool {
        false
    }
}

/// [`Context`] with a fixed layout. The host makes it, the component's side owns it.
#[repr(C)]
#[derive(StableAbi)]
pub struct HostObject {
    handle: Handle,
    vtable: &'static HostVtable,
    threads: u64,
    folder: RString,
}

/// The host's functions.
#[repr(C)]
#[derive(StableAbi)]
pub struct HostVtable {
    strategy:
        unsafe extern "C" fn(Handle, RStr<'_>, RSlice<'_, u8>, RSlice<'_, u8>) -> AbiResult<StrategyObject>,
    cancelled: unsafe extern "C" fn(Handle) -> AbiResult<bool>,
    drop: unsafe extern "C" fn(Handle) -> AbiResult<()>,
}

type Shared = Arc<dyn HostServices>;

static VTABLE: HostVtable = HostVtable { strategy, cancelled, drop: drop_host };

impl HostObject {
    /// The host's side: makes `context` ready to cross.
    pub fn new(context: &Context) -> Self {
        Self {
            handle: Guarded::into_handle(Box::new(Arc::clone(&context.services))),
            vtable: &VTABLE,
            threads: context.threads as u64,
            folder: context.folder.to_string_lossy().into_owned().into(),
        }
    }

    /// The component's side: takes the context up.
    pub fn into_context(self) -> Context {
        let (threads, folder) = (self.threads as usize, self.folder.to_string());
        Context::new(Arc::new(self), threads, folder)
    }
}

impl Components for HostObject {
    fn strategy(
        &self,
        name: &str,
        options: &Json,
        problem: &Problem,
    ) -> Result<Box<dyn Strategy>, ComponentError> {
        let (options, problem) = (options.to_string(), write_problem(problem)?);
        // SAFETY: the handle is the one the vtable's maker made; it lives as long as `self`.
        let object = unsafe {
            (self.vtable.strategy)(
                self.handle,
                name.into(),
                options.as_bytes().into(),
                problem.as_slice().into(),
            )
        };
        Ok(Box::new(from_abi(object)?))
    }
}

impl HostServices for HostObject {
    fn cancelled(&self) -> bool {
        // SAFETY: as in `strategy`.
        from_abi(unsafe { (self.vtable.cancelled)(self.handle) }).unwrap_or(true)
    }
}

impl Drop for HostObject {
    fn drop(&mut self) {
        // SAFETY: as in `strategy`, and nothing uses the handle afterwards. What the host's own drop says is the
        // host's to report.
        let _ = from_abi(unsafe { (self.vtable.drop)(self.handle) });
    }
}

unsafe extern "C" fn strategy(
    handle: Handle,
    name: RStr<'_>,
    options: RSlice<'_, u8>,
    problem: RSlice<'_, u8>,
) -> AbiResult<StrategyObject> {
    let make = |host: &Shared| {
        let strategy = host.strategy(name.as_str(), &read_json(&options)?, &read_problem(&problem)?)?;
        Ok(StrategyObject::export(strategy))
    };
    // SAFETY: the other side passes the handle it was given, and only shared calls are ever made on it.
    unsafe { call_ref(handle, make) }
}

unsafe extern "C" fn cancelled(handle: Handle) -> AbiResult<bool> {
    // SAFETY: as in `strategy`.
    unsafe { call_ref(handle, |host: &Shared| Ok(host.cancelled())) }
}

unsafe extern "C" fn drop_host(handle: Handle) -> AbiResult<()> {
    // SAFETY: `HostObject::drop` is the only caller, once.
    unsafe { drop_guarded::<Shared>(handle) }
}

#[cfg(test)]
crate::layout::crossing! {
    HostObject { handle, vtable, threads, folder }
    HostVtable { strategy, cancelled, drop }
}
