//! What ends a training before its time, and how often it is written down.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use heirloom_plugin::tracing::warn;
use heirloom_plugin::{Failure, FailureKind, json};
use heirloom_torch_nets::Training;
use heirloom_torch_nets::checkpoint::write_training;

use super::{Note, Trial, cancelled};
use crate::memory::resident_bytes;

/// Between two looks at the memory.
const MEMORY_TICK: Duration = Duration::from_millis(50);

/// What is looked at after each batch.
pub(super) struct Watch<'t, 'a> {
    trial: &'t Trial<'a>,
    /// When the training was last written to a file.
    saved: Instant,
    /// When the memory was last looked at.
    memory_seen: Instant,
}

impl<'t, 'a> Watch<'t, 'a> {
    pub(super) fn new(trial: &'t Trial<'a>) -> Self {
        Self { trial, saved: Instant::now(), memory_seen: Instant::now() }
    }

    pub(super) fn look(&mut self, training: &Training<'_>, note: &Note) -> ControlFlow<Failure> {
        let Trial { request, reporter, estimator, .. } = self.trial;
        if reporter.cancelled() {
            self.save(training, note);
            return ControlFlow::Break(cancelled());
        }
        if let Some(failure) = self.trial.timed_out() {
            return ControlFlow::Break(failure);
        }
        if let Some(limit) = request.limits.memory_bytes.filter(|_| self.memory_seen.elapsed() > MEMORY_TICK)
        {
            self.memory_seen = Instant::now();
            let used = resident_bytes().saturating_sub(self.trial.memory_before);
            if used > limit {
                let message = format!("the training took {used} bytes of memory, more than {limit}");
                return ControlFlow::Break(Failure::new(FailureKind::OutOfMemory, message));
            }
        }
        if self.saved.elapsed().as_secs_f64() > estimator.options.checkpoint_seconds {
            self.save(training, note);
        }
        ControlFlow::Continue(())
    }

    fn save(&mut self, training: &Training<'_>, note: &Note) {
        self.saved = Instant::now();
        let Some(folder) = &self.trial.folder else { return };
        if let Err(error) = write_training(&folder.state(), training, json!(note)) {
            warn!("trial {}: {error}", self.trial.request.trial);
        }
    }
}
