//! What the host does for a component in C.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use heirloom_model::{Configuration, Rng, Seed, Space};

use crate::host::Context;

use super::library::Library;
use super::table::{HEIRLOOM_FAILED, HEIRLOOM_OK, HeirloomError, HeirloomHost};
use super::{items, text, write_message};

/// The functions and what they work on.
pub(super) struct Host {
    functions: HeirloomHost,
    services: Services,
}

struct Services {
    library: &'static Library,
    space: Option<Arc<Space>>,
    context: Context,
}

impl Host {
    pub(super) fn new(library: &'static Library, space: Option<Arc<Space>>, context: Context) -> Box<Self> {
        let functions = HeirloomHost {
            context: std::ptr::null(),
            sample,
            mutate,
            uniform,
            from_unit,
            to_unit,
            check,
            log,
            cancelled,
        };
        let mut host = Box::new(Self { functions, services: Services { library, space, context } });
        host.functions.context = (&raw const host.services).cast::<c_void>();
        host
    }

    pub(super) fn as_ptr(&self) -> *const HeirloomHost {
        &raw const self.functions
    }
}

/// The space that a host was made for.
///
/// # Safety
///
/// `host` is the one that a component was given, and the component lives.
unsafe fn services<'a>(host: *const HeirloomHost) -> &'a Services {
    // SAFETY: passed on to the caller; `Host::new` made the pointer, and the box does not move.
    unsafe { &*(*host).context.cast::<Services>() }
}

/// A panic must not leave a function that C calls.
fn guarded(call: impl FnOnce() -> Option<()>) -> i32 {
    let done = catch_unwind(AssertUnwindSafe(call));
    if matches!(done, Ok(Some(()))) { HEIRLOOM_OK } else { HEIRLOOM_FAILED }
}

/// The generator of a seed, a stream and a counter.
///
/// # Safety
///
/// `seed` names 32 bytes, `stream` a text.
unsafe fn generator(seed: *const u8, stream: *const c_char, counter: u64) -> Option<Rng> {
    // SAFETY: passed on to the caller.
    let (seed, stream) = unsafe { (items(seed, 32), text(stream)) };
    Some(Seed(seed.try_into().ok()?).derive(&stream, counter).rng())
}

/// Writes a configuration, or a point of the unit cube, to where the component has room for one.
///
/// # Safety
///
/// `to` has room for as many numbers.
unsafe fn write(numbers: &[f64], to: *mut f64) {
    // SAFETY: passed on to the caller.
    unsafe { to.copy_from_nonoverlapping(numbers.as_ptr(), numbers.len()) };
}

impl Services {
    /// The space, and the `d` numbers that a pointer names.
    ///
    /// # Safety
    ///
    /// `numbers` names as many numbers as the space has parameters.
    unsafe fn read<'a>(&self, numbers: *const f64) -> Option<(&Space, &'a [f64])> {
        let space = self.space.as_deref()?;
        // SAFETY: passed on to the caller.
        Some((space, unsafe { items(numbers, space.parameters().len()) }))
    }
}

// SAFETY of all functions below: the header says what each pointer must name, and that a host is used only while its
// component lives.
unsafe extern "C" fn sample(
    host: *const HeirloomHost,
    seed: *const u8,
    stream: *const c_char,
    counter: u64,
    configuration: *mut f64,
) -> i32 {
    // SAFETY: see above.
    guarded(|| unsafe {
        let mut rng = generator(seed, stream, counter)?;
        let drawn = services(host).space.as_deref()?.sample(&mut rng).ok()?;
        write(drawn.values(), configuration);
        Some(())
    })
}

unsafe extern "C" fn mutate(
    host: *const HeirloomHost,
    seed: *const u8,
    stream: *const c_char,
    counter: u64,
    from: *const f64,
    configuration: *mut f64,
) -> i32 {
    // SAFETY: see above.
    guarded(|| unsafe {
        let mut rng = generator(seed, stream, counter)?;
        let (space, from) = services(host).read(from)?;
        let from = Configuration::new(from);
        space.check(&from).ok()?;
        write(space.mutate(&from, &mut rng)?.values(), configuration);
        Some(())
    })
}

unsafe extern "C" fn uniform(
    _host: *const HeirloomHost,
    seed: *const u8,
    stream: *const c_char,
    counter: u64,
    numbers: *mut f64,
    n: usize,
) -> i32 {
    // SAFETY: see above.
    guarded(|| unsafe {
        let mut rng = generator(seed, stream, counter)?;
        for index in 0..n {
            numbers.add(index).write(rng.uniform());
        }
        Some(())
    })
}

unsafe extern "C" fn from_unit(host: *const HeirloomHost, unit: *const f64, configuration: *mut f64) -> i32 {
    // SAFETY: see above.
    guarded(|| unsafe {
        let (space, unit) = services(host).read(unit)?;
        write(space.from_unit(unit).values(), configuration);
        Some(())
    })
}

unsafe extern "C" fn to_unit(host: *const HeirloomHost, configuration: *const f64, unit: *mut f64) -> i32 {
    // SAFETY: see above.
    guarded(|| unsafe {
        let (space, configuration) = services(host).read(configuration)?;
        write(&space.to_unit(&Configuration::new(configuration)), unit);
        Some(())
    })
}

unsafe extern "C" fn check(
    host: *const HeirloomHost,
    configuration: *const f64,
    error: *mut HeirloomError,
) -> i32 {
    // SAFETY: see above.
    guarded(|| unsafe {
        let Some((space, configuration)) = services(host).read(configuration) else {
            write_message(error, "there is no space here");
            return None;
        };
        let checked = space.check(&Configuration::new(configuration));
        checked.map_err(|problem| write_message(error, &problem.to_string())).ok()
    })
}

unsafe extern "C" fn log(host: *const HeirloomHost, level: u32, message: *const c_char) {
    guarded(|| {
        // SAFETY: see above.
        let (services, message) = unsafe { (services(host), text(message)) };
        services.library.log()?.send(u8::try_from(level.clamp(1, 5)).ok()?, "", &message);
        Some(())
    });
}

unsafe extern "C" fn cancelled(host: *const HeirloomHost) -> u32 {
    // SAFETY: see above.
    let asked = catch_unwind(AssertUnwindSafe(|| unsafe { services(host) }.context.cancelled()));
    u32::from(asked.unwrap_or(true))
}
