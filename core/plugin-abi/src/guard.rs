//! The guard around a component's every method and its drop.
//!
//! A panic that reaches an `extern "C"` function ends the process, whatever the host does. So it is caught here, in
//! code that is compiled into the plugin, and becomes an error; the object is poisoned and not entered again.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use abi_stable::StableAbi;
use heirloom_model::{ComponentError, ComponentErrorKind};

use crate::error::{AbiError, AbiResult, from_abi};

/// The message of an object that panicked in an earlier call and was not entered again.
pub const POISONED: &str = "it panicked before and is not called again";

/// What stands in the warning of a component that did not take being dropped, between what it is and why.
pub const DROPPED: &str = "was dropped and";

/// Says that a component did not take being dropped.
pub(crate) fn check_drop(what: &str, dropped: AbiResult<()>) {
    if let Err(error) = from_abi(dropped) {
        tracing::warn!("{what} {DROPPED} {error}");
    }
}

/// An object on the other side of the boundary.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, StableAbi)]
pub struct Handle(*mut ());

// SAFETY: a handle is only a name; what it names is `Send` and, where it is shared, `Sync`: `Guarded::into_handle`
// takes nothing else.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// An object with its guard.
pub(crate) struct Guarded<T: ?Sized> {
    poisoned: AtomicBool,
    object: Box<T>,
}

impl<T: ?Sized + Send> Guarded<T> {
    /// Gives the object a name for the other side, which must hand it back to [`drop_guarded`].
    pub(crate) fn into_handle(object: Box<T>) -> Handle {
        Handle(Box::into_raw(Box::new(Self { poisoned: AtomicBool::new(false), object })).cast())
    }
}

/// Calls into the object that `handle` names, alone.
///
/// # Safety
///
/// `handle` comes from [`Guarded::into_handle`] of the same `T`, is not dropped, and no other call is under way.
#[inline]
pub(crate) unsafe fn call_mut<T: ?Sized, R>(
    handle: Handle,
    call: impl FnOnce(&mut T) -> Result<R, ComponentError>,
) -> AbiResult<R> {
    // SAFETY: passed on to the caller.
    let guarded = unsafe { &mut *handle.0.cast::<Guarded<T>>() };
    let Guarded { poisoned, object } = guarded;
    guarded_call(poisoned, || call(object))
}

/// Calls into the object that `handle` names, perhaps beside other such calls.
///
/// # Safety
///
/// `handle` comes from [`Guarded::into_handle`] of the same `T`, is not dropped, and no [`call_mut`] is under way.
#[inline]
pub(crate) unsafe fn call_ref<T: ?Sized, R>(
    handle: Handle,
    call: impl FnOnce(&T) -> Result<R, ComponentError>,
) -> AbiResult<R> {
    // SAFETY: passed on to the caller.
    let guarded = unsafe { &*handle.0.cast::<Guarded<T>>() };
    guarded_call(&guarded.poisoned, || call(&guarded.object))
}

/// Drops the object that `handle` names.
///
/// # Safety
///
/// `handle` comes from [`Guarded::into_handle`] of the same `T` and is used no more.
pub(crate) unsafe fn drop_guarded<T: ?Sized>(handle: Handle) -> AbiResult<()> {
    // SAFETY: passed on to the caller.
    let guarded = unsafe { Box::from_raw(handle.0.cast::<Guarded<T>>()) };
    guard(|| {
        drop(guarded);
        Ok(())
    })
}

#[inline]
fn guarded_call<R>(poisoned: &AtomicBool, call: impl FnOnce() -> Result<R, ComponentError>) -> AbiResult<R> {
    if poisoned.load(Ordering::Relaxed) {
        return AbiResult::RErr(poisoned_error());
    }
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => AbiResult::ROk(value),
        Ok(Err(error)) => AbiResult::RErr(error.into()),
        Err(payload) => {
            poisoned.store(true, Ordering::Relaxed);
            AbiResult::RErr(panicked(payload).into())
        }
    }
}

#[cold]
fn poisoned_error() -> AbiError {
    ComponentError::new(ComponentErrorKind::Panicked, POISONED).into()
}

/// Turns a panic of `call` into an error.
pub(crate) fn guard<R>(call: impl FnOnce() -> Result<R, ComponentError>) -> AbiResult<R> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Into::into).into(),
        Err(payload) => AbiResult::RErr(panicked(payload).into()),
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the place of a panic for its message, instead of printing it: the host decides what a person sees.
pub(crate) fn keep_panic_places() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        LAST_PANIC.with(|last| *last.borrow_mut() = place);
    }));
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>) -> ComponentError {
    let text = match payload.downcast::<&'static str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(other) => {
                // Its drop may panic again.
                std::mem::forget(other);
                "a value that is no text".into()
            }
        },
    };
    let place = LAST_PANIC.with(|last| last.borrow_mut().take());
    let place = place.map(|place| format!(" at {place}")).unwrap_or_default();
    ComponentError::new(ComponentErrorKind::Panicked, format!("panicked{place}: {text}"))
}

#[cfg(test)]
crate::layout::crossing! {
    Handle { 0 }
}
