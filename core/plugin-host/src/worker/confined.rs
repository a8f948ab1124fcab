//! A worker's process with all that it has started, held to its limits from outside.
//!
//! What the system does not limit by itself (a scratch folder, a number of processes, the memory of several) is
//! looked at ten times a second by one thread for all workers, whether a call is under way or not.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use heirloom_model::FailureKind;

use super::process::Fault;
use super::scratch::Scratch;
use super::session::{self, Usage};

/// How often a worker is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What is watched of a worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) memory_bytes: u64,
    pub(super) processes: u64,
    pub(super) scratch_bytes: u64,
    /// Whether there can be other processes than the worker itself.
    pub(super) starts_processes: bool,
}

#[derive(Debug)]
pub(super) struct Confined {
    /// None once the worker was waited for: after that its numbers may be another's.
    child: Mutex<Option<Child>>,
    id: u32,
    scratch: Scratch,
    bounds: Bounds,
    /// Why it was ended, where it was for its limits.
    excess: OnceLock<Fault>,
}

impl Confined {
    /// Watches over `child` until it is dropped.
    pub(super) fn new(child: Child, scratch: Scratch, bounds: Bounds) -> Arc<Self> {
        let id = child.id();
        let confined =
            Arc::new(Self { child: Mutex::new(Some(child)), id, scratch, bounds, excess: OnceLock::new() });
        watch(Arc::downgrade(&confined));
        confined
    }

    /// What the worker uses, with what it has started.
    pub(super) fn usage(&self) -> Usage {
        match self.bounds.starts_processes {
            true => session::usage_of_session(self.id),
            false => session::usage_of_process(self.id).unwrap_or_default(),
        }
    }

    /// Why it was ended, where it was for its limits.
    pub(super) fn excess(&self) -> Option<Fault> {
        self.excess.get().cloned()
    }

    /// Ends the worker and whatever it has started.
    pub(super) fn end(&self) {
        if let Some(mut child) = self.child().take() {
            session::kill(self.id, self.bounds.starts_processes);
            // Both fail only where the process has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// How the worker ended by itself, if it does within `limit`. What it left running is killed.
    pub(super) fn ended_within(&self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut child = self.child().take()?;
        session::kill(self.id, self.bounds.starts_processes);
        child.wait().ok()
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the worker has ended. It is not waited for, so that its numbers stay its own.
    fn has_ended(&self) -> bool {
        // SAFETY: all zero is a valid value of the structure.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: a valid place for the answer.
        let asked = unsafe { libc::waitid(libc::P_PID, self.id, &raw mut info, options) };
        // SAFETY: the call above has filled the structure in; of a process that goes on it says nothing.
        asked < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted
            || unsafe { info.si_pid() } != 0
    }

    /// Ends the worker where it uses more than it may.
    fn look(&self) {
        let child = self.child();
        if child.is_none() || self.excess.get().is_some() {
            return;
        }
        let Some(fault) = self.beyond(self.usage()) else { return };
        let _ = self.excess.set(fault);
        // The socket closes with it: whoever waits for its answer asks for the reason.
        session::kill(self.id, self.bounds.starts_processes);
    }

    fn beyond(&self, usage: Usage) -> Option<Fault> {
        let Bounds { memory_bytes, processes, scratch_bytes, .. } = self.bounds;
        let fault = |kind, message| Some(Fault { kind, message });
        if usage.processes > processes {
            let message = format!(
                "it ran {} processes where {processes} are allowed, all of them were killed; hint: raise \
                 `isolation.processes`, or report it to the plugin's author",
                usage.processes
            );
            return fault(FailureKind::Crashed, message);
        }
        if usage.memory_bytes > memory_bytes {
            return fault(
                FailureKind::OutOfMemory,
                too_much_memory(usage.memory_bytes, memory_bytes, "isolation"),
            );
        }
        let nameless = session::nameless_bytes(self.id, self.bounds.starts_processes);
        let used = self.scratch.size(scratch_bytes).saturating_add(nameless);
        if used > scratch_bytes {
            let message = format!(
                "it filled its scratch folder beyond the {} MB that are allowed, its worker process was killed; \
                 hint: raise `isolation.scratch_mb`, or report it to the plugin's author",
                scratch_bytes / 1_000_000
            );
            return fault(FailureKind::Crashed, message);
        }
        None
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        self.end();
    }
}

/// The words for memory beyond a limit that stands in the run file's table `table`.
pub(super) fn too_much_memory(used: u64, allowed: u64, table: &str) -> String {
    format!(
        "it held {} MB of memory where {} are allowed, its worker process was killed; hint: raise \
         `{table}.memory_mb`, or exclude such configurations",
        used / 1_000_000,
        allowed / 1_000_000
    )
}

/// The workers that are looked at, and whether a thread does so.
static WATCHED: Mutex<(Vec<Weak<Confined>>, bool)> = Mutex::new((Vec::new(), false));

fn watch(worker: Weak<Confined>) {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    watched.0.push(worker);
    if !watched.1 {
        let started = std::thread::Builder::new().name("worker-watch".into()).spawn(look_at_all);
        // Without it what the system itself limits still is.
        match started {
            Ok(_) => watched.1 = true,
            Err(error) => tracing::warn!("workers are not watched: {error}"),
        }
    }
}

/// Looks at all workers until there are none.
fn look_at_all() {
    loop {
        std::thread::sleep(LOOK);
        let workers: Vec<_> = {
            let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
            watched.0.retain(|worker| worker.strong_count() > 0);
            if watched.0.is_empty() {
                watched.1 = false;
                return;
            }
            watched.0.clone()
        };
        for worker in workers {
            if let Some(worker) = worker.upgrade() {
                worker.look();
            }
        }
    }
}
