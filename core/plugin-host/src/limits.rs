//! What an isolated component may use.

use std::path::PathBuf;

/// What a worker process may use. Beyond it the worker is ended, and the call it was at fails with the reason.
///
/// The limits hold for a worker with everything it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerLimits {
    /// Bytes of memory. By default four fifths of the machine's.
    pub memory_bytes: u64,
    /// Seconds of processor time that one call may take, over all its threads; `None`: as many as fit into its time
    /// on the clock.
    pub cpu_seconds: Option<f64>,
    /// Seconds on the clock after which a call that has no limit of its own counts as hanging.
    pub call_seconds: f64,
    /// Files, sockets and pipes open at the same time.
    pub open_files: u64,
    /// Processes at the same time, the worker included: for plugins that were granted `processes`.
    pub processes: u64,
    /// Bytes in the scratch folder; no single file that the worker writes, anywhere, may be larger.
    pub scratch_bytes: u64,
    /// Further variables of the host's environment that workers see.
    pub environment: Vec<String>,
    /// Further folders and files that workers may read.
    pub readable: Vec<PathBuf>,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            memory_bytes: machine_memory().map_or(u64::MAX, |bytes| bytes / 5 * 4),
            cpu_seconds: None,
            call_seconds: 600.0,
            open_files: 1024,
            processes: 256,
            scratch_bytes: 10_000_000_000,
            environment: Vec::new(),
            readable: Vec::new(),
        }
    }
}

/// Bytes of memory in this machine; `None` where the system does not say.
fn machine_memory() -> Option<u64> {
    // SAFETY: asks for constants of the system.
    let (pages, page_size) =
        unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    u64::try_from(pages).ok()?.checked_mul(u64::try_from(page_size).ok()?)
}
