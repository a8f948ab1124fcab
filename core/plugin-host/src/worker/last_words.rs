//! What a worker that is ended by a signal prints before: where it was, for the report of the crash.

/// Has fatal signals print a backtrace. What else would have happened still happens, so that the host sees the signal.
pub(super) fn prepare() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    linux::prepare();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod linux {
    use std::ffi::{c_int, c_void};
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::OnceLock;

    const SIGNALS: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGILL, libc::SIGFPE];

    const MAX_FRAMES: usize = 64;

    /// Seconds after which a worker that cannot even say its last words is ended without them.
    const PATIENCE: u32 = 1;

    /// What was to happen before.
    static BEFORE: [OnceLock<libc::sigaction>; SIGNALS.len()] = [const { OnceLock::new() }; SIGNALS.len()];

    pub(super) fn prepare() {
        let mut frames = [ptr::null_mut::<c_void>(); 1];
        // SAFETY: a valid place of this length. The first call loads what later ones need: in a handler that would
        // be too late.
        unsafe { libc::backtrace(frames.as_mut_ptr(), 1) };
        for (signal, before) in SIGNALS.into_iter().zip(&BEFORE) {
            // SAFETY: all zero is a valid action, without flags and with no signal held back.
            let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
            action.sa_sigaction = handle as extern "C" fn(c_int) as usize;
            // Where the stack has run out there is another to stand on.
            action.sa_flags = libc::SA_ONSTACK;
            let mut old = MaybeUninit::uninit();
            // SAFETY: a valid action, and a place for the one before.
            if unsafe { libc::sigaction(signal, &raw const action, old.as_mut_ptr()) } == 0 {
                // SAFETY: the call has filled it in.
                let _ = before.set(unsafe { old.assume_init() });
            }
        }
    }

    extern "C" fn handle(signal: c_int) {
        let mut frames = [ptr::null_mut::<c_void>(); MAX_FRAMES];
        // SAFETY: calls that may be made in a handler, on places that are valid. The action before is put back, so
        // that the signal comes again as if this had not been here.
        unsafe {
            libc::alarm(PATIENCE);
            let words = b"fatal signal, at:\n";
            libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
            let n = libc::backtrace(frames.as_mut_ptr(), MAX_FRAMES as c_int);
            libc::backtrace_symbols_fd(frames.as_ptr(), n, libc::STDERR_FILENO);
            let place = SIGNALS.iter().position(|other| *other == signal);
            match place.and_then(|place| BEFORE[place].get()) {
                Some(before) => libc::sigaction(signal, ptr::from_ref(before), ptr::null_mut()),
                None => libc::signal(signal, libc::SIG_DFL) as c_int,
            };
        }
    }
}
