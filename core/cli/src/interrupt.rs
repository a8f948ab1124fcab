//! Ctrl-C: the first ends the run when what runs has finished, the second ends it now.

use heirloom_engine::StopSignal;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::OrFail;

/// Lets Ctrl-C and SIGTERM request `stop`.
pub(crate) fn watch(stop: &StopSignal) -> miette::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).or_fail()?;
    let stop = stop.clone();
    std::thread::spawn(move || {
        for _ in signals.forever() {
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
        }
    });
    Ok(())
}
