//! What a worker process gives up before any of the plugin's code runs.
//!
//! The host writes a [`Confinement`] into the worker's arguments. The worker's program puts it into force as its first
//! act, while it has one thread and nothing of the plugin is in memory; then it loads the library, or becomes the
//! program that does. Nothing of it can be taken back, and whatever the worker starts inherits it.

#[cfg(target_os = "linux")]
mod landlock;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod seccomp;

use std::io;
use std::path::PathBuf;

use heirloom_plugin_abi::Capability;
use serde::{Deserialize, Serialize};

/// What a worker may do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Confinement {
    /// Bytes of writable memory of one process.
    pub(crate) memory_bytes: u64,
    pub(crate) open_files: u64,
    /// Bytes of one file.
    pub(crate) file_bytes: u64,
    pub(crate) capabilities: Vec<Capability>,
    /// Files and folders that may be read, beside the system's own.
    pub(crate) readable: Vec<PathBuf>,
    /// Folders that may be written, the scratch folder among them.
    pub(crate) writable: Vec<PathBuf>,
}

impl Confinement {
    fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Puts it into force for this process, which must have one thread. `becomes`: the process still has to become
    /// another program.
    ///
    /// What this system has no means for is left out: the host has said so.
    pub(crate) fn enforce(&self, becomes: bool) -> io::Result<()> {
        // A terminal's signals pass it by. A session of its own only where the worker can start processes, which are
        // found by it: systems that share processors between sessions take 2 µs longer for a round trip to another.
        // SAFETY: neither touches memory. They fail for the leader of a group, which has one already.
        unsafe {
            if self.has(Capability::Processes) || !holds_processes() {
                libc::setsid();
            } else {
                libc::setpgid(0, 0);
            }
        }
        limit(libc::RLIMIT_CORE, 0)?;
        limit(libc::RLIMIT_NOFILE, self.open_files)?;
        limit(libc::RLIMIT_FSIZE, self.file_bytes)?;
        limit(libc::RLIMIT_DATA, self.memory_bytes)?;
        #[cfg(target_os = "linux")]
        {
            // SAFETY: plain numbers.
            if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } < 0 {
                return Err(io::Error::last_os_error());
            }
            drop_privileges()?;
            landlock::enforce(self).map_err(io::Error::other)?;
        }
        #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
        seccomp::enforce(seccomp::Allowed {
            processes: self.has(Capability::Processes),
            network: self.has(Capability::Network),
            files: self.has(Capability::Files),
            becomes,
        })?;
        let _ = becomes;
        Ok(())
    }
}

/// What this system has no means to hold workers to; empty where it has all.
pub(crate) fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    #[cfg(target_os = "linux")]
    if !landlock::is_there() {
        missing.push("it has no Landlock: workers can read and write what you can");
    }
    #[cfg(not(target_os = "linux"))]
    missing.push("workers can read and write what you can");
    if !holds_processes() {
        missing.push("workers can start processes and open connections");
    }
    missing
}

/// Whether a worker without `processes` cannot start any on this system.
pub(crate) fn holds_processes() -> bool {
    cfg!(target_os = "linux") && cfg!(any(target_arch = "x86_64", target_arch = "aarch64"))
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Lowers a limit, soft and hard; a hard limit below `value` stays.
fn limit(resource: Resource, value: u64) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid place for the answer.
    if unsafe { libc::getrlimit(resource, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_max = limit.rlim_max.min(value);
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: a valid limit.
    if unsafe { libc::setrlimit(resource, &raw const limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Gives up what root may do beyond reaching its files: those of others stay within its reach, because a container's
/// root reads and writes folders that belong to a user outside.
#[cfg(target_os = "linux")]
fn drop_privileges() -> io::Result<()> {
    /// `CAP_CHOWN`, `CAP_DAC_OVERRIDE`, `CAP_DAC_READ_SEARCH`, `CAP_FOWNER`.
    const KEPT: u32 = 0b1111;
    const VERSION_3: u32 = 0x2008_0522;

    #[repr(C)]
    struct Header {
        version: u32,
        process: i32,
    }

    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }

    let mut header = Header { version: VERSION_3, process: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: header and sets have the layout of version 3, which has two words a set.
    if unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    for (sets, kept) in sets.iter_mut().zip([KEPT, 0]) {
        *sets = Sets { effective: sets.effective & kept, permitted: sets.permitted & kept, inheritable: 0 };
    }
    // SAFETY: as above.
    if unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
