//! Leaving a process in which a plugin may still be at work.

use std::io::{self, Write as _};
use std::sync::mpsc;
use std::time::Duration;

/// How long C's streams may take to be written out: a thread that was given up may hold one for ever.
const FLUSH: Duration = Duration::from_secs(1);

/// Ends this process with `code` once standard output and C's streams are written out. The caller has dropped what it
/// holds: no destructor runs any more, of static data neither.
///
/// When a process exits in order, LibTorch takes a quarter of a second, and takes its data from under an evaluation that
/// was given up and still computes.
pub fn leave(code: u8) -> ! {
    let _ = io::stdout().flush();
    let (done, flushed) = mpsc::channel();
    let flush = move || {
        // SAFETY: writes what C's streams still hold; with a null pointer, that of all of them.
        unsafe { libc::fflush(std::ptr::null_mut()) };
        let _ = done.send(());
    };
    if std::thread::Builder::new().spawn(flush).is_ok() {
        let _ = flushed.recv_timeout(FLUSH);
    }
    // SAFETY: takes a number.
    unsafe { libc::_exit(code.into()) }
}
