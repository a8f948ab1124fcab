//! How a run is asked to end from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A request to end a run, shared with whoever may make it (a Ctrl-C handler, say).
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<AtomicU8>);

impl StopSignal {
    /// Asks to end: the first time to finish what runs, the second time to cancel it. Safe in a signal handler.
    pub fn request(&self) {
        let _ =
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |level| Some(level.saturating_add(1)));
    }

    /// Whether no further trial shall begin.
    pub fn stopping(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 1
    }

    /// Whether running trials shall end now.
    pub fn cancelling(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 2
    }
}
