//! Ctrl-C: the first ends a run when what is at work has finished, the second ends it now; where nothing is kept, the
//! first does. A terminal that closes, and SIGTERM, count as Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use heirloom_engine::StopSignal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::failure::OrFail;

/// Lets Ctrl-C, SIGHUP and SIGTERM request `stop`.
pub(crate) fn watch(stop: &StopSignal) -> miette::Result<()> {
    let stop = stop.clone();
    on_signal(move || {
        stop.request();
        if stop.cancelling() {
            tracing::warn!(
                "stopping now: trials that run are cancelled, and made again by `heirloom resume`"
            );
        } else {
            tracing::warn!(
                "stopping: no new trial begins, those that run are finished; Ctrl-C again stops now"
            );
        }
    })
}

/// The same for work of which nothing is kept: what runs is cancelled at once.
pub(crate) fn watch_to_cancel(stop: &StopSignal) -> miette::Result<()> {
    let stop = stop.clone();
    on_signal(move || {
        if !stop.stopping() {
            tracing::warn!("stopping: trials that run are cancelled, and nothing is kept");
        }
        stop.request();
        stop.request();
    })
}

/// Lets a write beyond the limit on the size of files fail as on a full disk, and sets `met`: by itself the system ends
/// the process without a word.
pub(crate) fn outlive_file_limit(met: &Arc<AtomicBool>) -> miette::Result<()> {
    // Caught, not ignored: programs and workers are ended by it again.
    signal_hook::flag::register(SIGXFSZ, Arc::clone(met)).or_fail()?;
    Ok(())
}

fn on_signal(act: impl Fn() + Send + 'static) -> miette::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).or_fail()?;
    if !ignores_hangup() {
        signals.add_signal(SIGHUP).or_fail()?;
    }
    std::thread::spawn(move || signals.forever().for_each(|_| act()));
    Ok(())
}

/// Whether this process was started to outlive its terminal, as by `nohup`.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 << (SIGHUP - 1) != 0)
}
