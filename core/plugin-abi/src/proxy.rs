//! `proxy/1`: a proxy on the other side of the boundary.

use abi_stable::StableAbi;
use abi_stable::std_types::{RSlice, RSliceMut, RStr, RVec};
use heirloom_model::{ComponentError, Configuration, Proxy, ProxyInfo, Seed};

use crate::columns::{configurations_from_column, configurations_to_column};
use crate::error::{AbiResult, from_abi};
use crate::guard::{Guarded, Handle, call_ref, check_drop, drop_guarded};
use crate::host::{Context, HostObject};
use crate::problem::{Written, read, write};

/// The extension's id.
pub const PROXY_EXTENSION: &str = "proxy/1";

/// What a library with proxies exports. Published: it never changes.
#[repr(C)]
#[derive(StableAbi)]
pub struct ProxyExtension {
    /// Makes the proxy of a name, from options (JSON) and a problem (JSON).
    pub(crate) create:
        extern "C" fn(RStr<'_>, RSlice<'_, u8>, RSlice<'_, u8>, HostObject) -> AbiResult<ProxyObject>,
}

impl ProxyExtension {
    /// Makes the proxy `name`.
    pub fn create(
        &self,
        name: &str,
        written: Written<'_>,
        context: &Context,
    ) -> Result<ProxyObject, ComponentError> {
        let host = HostObject::new(context);
        from_abi((self.create)(name.into(), written.options.as_bytes().into(), written.subject.into(), host))
    }
}

/// A proxy of the other side.
#[repr(C)]
#[derive(StableAbi)]
pub struct ProxyObject {
    handle: Handle,
    vtable: &'static ProxyVtable,
}

/// A proxy's functions, in the order of the trait's. Calls may overlap.
#[repr(C)]
#[derive(StableAbi)]
pub struct ProxyVtable {
    info: unsafe extern "C" fn(Handle) -> AbiResult<RVec<u8>>,
    score: unsafe extern "C" fn(Handle, RSlice<'_, f64>, &[u8; 32], RSliceMut<'_, f64>) -> AbiResult<()>,
    drop: unsafe extern "C" fn(Handle) -> AbiResult<()>,
}

static VTABLE: ProxyVtable = ProxyVtable { info, score, drop: drop_proxy };

impl ProxyObject {
    /// Makes a proxy ready to cross.
    pub fn export(proxy: Box<dyn Proxy>) -> Self {
        Self { handle: Guarded::into_handle(proxy), vtable: &VTABLE }
    }

    /// What the proxy measures, or why it cannot say.
    pub fn try_info(&self) -> Result<ProxyInfo, ComponentError> {
        // SAFETY: the handle is the vtable's and lives as long as `self`; only shared calls are made on it.
        read(&from_abi(unsafe { (self.vtable.info)(self.handle) })?)
    }

    /// [`Proxy::score`].
    pub fn score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        let column = configurations_to_column(configurations)?;
        // SAFETY: as in `try_info`.
        from_abi(unsafe {
            (self.vtable.score)(self.handle, column.as_slice().into(), &seed.0, scores.into())
        })
    }
}

impl Drop for ProxyObject {
    fn drop(&mut self) {
        // SAFETY: the handle is the vtable's, and nothing uses it afterwards.
        check_drop("a proxy", unsafe { (self.vtable.drop)(self.handle) });
    }
}

/// What a handle names.
type Exported = dyn Proxy;

// SAFETY of all functions below: they are reached through `ProxyObject` alone, which keeps the guard's rules.
unsafe extern "C" fn info(handle: Handle) -> AbiResult<RVec<u8>> {
    // SAFETY: see above.
    unsafe { call_ref(handle, |proxy: &Exported| Ok(write(&proxy.info())?.into())) }
}

unsafe extern "C" fn score(
    handle: Handle,
    configurations: RSlice<'_, f64>,
    seed: &[u8; 32],
    mut scores: RSliceMut<'_, f64>,
) -> AbiResult<()> {
    let call = |proxy: &Exported| {
        let scores = scores.as_mut_slice();
        let configurations = configurations_from_column(&configurations, scores.len())?;
        proxy.score(&configurations, Seed(*seed), scores)
    };
    // SAFETY: see above.
    unsafe { call_ref(handle, call) }
}

unsafe extern "C" fn drop_proxy(handle: Handle) -> AbiResult<()> {
    // SAFETY: see above; `ProxyObject::drop` is the only caller, once.
    unsafe { drop_guarded::<Exported>(handle) }
}

#[cfg(test)]
crate::layout::crossing! {
    ProxyExtension { create }
    ProxyObject { handle, vtable }
    ProxyVtable { info, score, drop }
}
