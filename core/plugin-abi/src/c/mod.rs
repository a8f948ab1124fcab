//! Plugins in C and C++: a plain table of functions, made into the same objects that the SDK makes.
//!
//! A library exports the function `heirloom_plugin_1`, which gives its components, and carries its `plugin.toml` in the
//! same section as a library of the SDK. What stands in `table` is the header `include/heirloom_plugin.h`; the rest
//! adapts such a table to the traits, so that hosts, workers and checks see no difference.

pub mod table;

mod library;
pub use library::Library;

mod setup;

mod host;

mod strategy;

mod estimator;

mod proxy;

/// The header for authors, for templates and documentation.
pub const HEADER: &str = include_str!("../../include/heirloom_plugin.h");

use std::ffi::{CStr, c_char, c_void};

use heirloom_model::{ComponentError, ComponentErrorKind};

use setup::Setup;
use table::{
    HEIRLOOM_CONFIGURATION, HEIRLOOM_OK, HEIRLOOM_UNSUPPORTED, HeirloomCreate, HeirloomDestroy, HeirloomError,
};

/// A component of the other side, with what it was made from.
struct Made {
    component: *mut c_void,
    destroy: unsafe extern "C" fn(*mut c_void),
    setup: Setup,
}

// SAFETY: a component is made for a host that may call it from any thread, one at a time unless it says that calls may
// overlap; the header says so.
unsafe impl Send for Made {}
// SAFETY: as above: those that share it keep the calls apart.
unsafe impl Sync for Made {}

impl Made {
    fn new(create: HeirloomCreate, destroy: HeirloomDestroy, setup: Setup) -> Result<Self, ComponentError> {
        let create = create.ok_or_else(|| missing("create"))?;
        let destroy = destroy.ok_or_else(|| missing("destroy"))?;
        let mut component = std::ptr::null_mut();
        // SAFETY: the setup stays where it is for as long as the component, which is dropped before it.
        check(|error| unsafe { create(setup.as_ptr(), &raw mut component, error) })?;
        Ok(Self { component, destroy, setup })
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // SAFETY: the component is the one that `create` gave, and nothing uses it afterwards.
        unsafe { (self.destroy)(self.component) };
    }
}

fn missing(function: &str) -> ComponentError {
    ComponentError::failed(format!("its table has no function `{function}`; hint: report it to its author"))
}

/// Calls a function that returns a status and may write a message.
fn check(call: impl FnOnce(*mut HeirloomError) -> i32) -> Result<(), ComponentError> {
    let (status, message) = call_with_message(call);
    let kind = match status {
        HEIRLOOM_OK => return Ok(()),
        HEIRLOOM_CONFIGURATION => ComponentErrorKind::Configuration,
        HEIRLOOM_UNSUPPORTED => ComponentErrorKind::Unsupported,
        _ => ComponentErrorKind::Failed,
    };
    Err(ComponentError::new(kind, said(status, message)))
}

/// What a call said that returned `status`, or that it said nothing.
fn said(status: i32, message: String) -> String {
    if !message.is_empty() {
        return message;
    }
    format!("it returned status {status} and did not say why; hint: ask its author for `heirloom_fail`")
}

/// A call's status and what it wrote.
fn call_with_message(call: impl FnOnce(*mut HeirloomError) -> i32) -> (i32, String) {
    let mut error = HeirloomError { text: [0; 1024] };
    let status = call(&raw mut error);
    let bytes: Vec<u8> =
        error.text.iter().take_while(|byte| **byte != 0).map(|byte| byte.cast_unsigned()).collect();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes a message into the other side's place for it, cut where it is too long.
///
/// # Safety
///
/// `error` is null or names such a place.
unsafe fn write_message(error: *mut HeirloomError, message: &str) {
    // SAFETY: passed on to the caller.
    let Some(error) = (unsafe { error.as_mut() }) else { return };
    let room = error.text.len() - 1;
    let end = message.floor_char_boundary(room.min(message.len()));
    for (place, byte) in error.text.iter_mut().zip(message.as_bytes()[..end].iter().chain([&0])) {
        *place = byte.cast_signed();
    }
}

/// The text that a pointer names; empty for null.
///
/// # Safety
///
/// `text` is null or ends with a zero byte.
unsafe fn text(text: *const c_char) -> String {
    // SAFETY: passed on to the caller.
    let named = |text| unsafe { CStr::from_ptr(text) };
    if text.is_null() { String::new() } else { named(text).to_string_lossy().into_owned() }
}

/// The items that a pointer names; none for null.
///
/// # Safety
///
/// `items` is null or names `n` of them, which live as long as the answer is used.
unsafe fn items<'a, T>(items: *const T, n: usize) -> &'a [T] {
    if items.is_null() || n == 0 {
        return &[];
    }
    // SAFETY: passed on to the caller.
    unsafe { std::slice::from_raw_parts(items, n) }
}

/// The other side gave what it must not.
fn wrong(what: impl Into<String>) -> ComponentError {
    ComponentError::failed(format!("{}; hint: report it to its author", what.into()))
}
