//! Which files a worker reaches, by Linux's Landlock (5.13 and later); later versions also keep signals and sockets
//! with abstract names within the worker.
//!
//! A process under Landlock cannot look into processes outside, so that the host's environment stays unread too.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use heirloom_plugin_abi::Capability;

use super::Confinement;

const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const MAKE_BLOCK: u64 = 1 << 11;
/// Making and removing entries of all types.
const CHANGE_DIR: u64 = 0b1_1111_1111 << 4;
/// Moving between folders; version 2.
const REFER: u64 = 1 << 13;
/// Version 3.
const TRUNCATE: u64 = 1 << 14;

/// What a rule for a file, in contrast to a folder, may name.
const OF_FILES: u64 = WRITE_FILE | READ_FILE | TRUNCATE;

/// Sockets with abstract names, and signals, stay within; version 6.
const SCOPES: u64 = 0b11;

const CREATE_RULESET_VERSION: u32 = 1;
const RULE_PATH_BENEATH: u32 = 1;

/// Where libraries, programs and the system's description of itself are. Of `/etc` what a program needs to run and to
/// find hosts, of `/proc` what is of the machine and of the worker itself.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/run/opengl-driver",
    "/sys",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/devices",
    "/proc/driver",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/stat",
    "/proc/sys",
    "/proc/uptime",
    "/proc/version",
    "/etc/OpenCL",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/ssl",
    "/etc/timezone",
];

/// Devices that hold nobody's data: the system's own, and by the beginning of their names those that compute.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "kfd", "dri", "dxg"];
const DEVICE_FAMILIES: &[&str] = &["nvidia", "accel"];

#[repr(C)]
struct RulesetAttributes {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed_access: u64,
    parent: i32,
}

/// The version that this system has; 0 for none.
pub(super) fn version() -> i64 {
    let none = std::ptr::null::<RulesetAttributes>();
    // SAFETY: asks for a number; no structure is read.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0_usize, CREATE_RULESET_VERSION) };
    version.max(0)
}

/// Puts it into force for this thread and all that it starts.
pub(super) fn enforce(confinement: &Confinement) -> io::Result<()> {
    let version = version();
    if version < 1 {
        return Ok(());
    }
    let newer = if version >= 2 { REFER } else { 0 } | if version >= 3 { TRUNCATE } else { 0 };
    let write = WRITE_FILE | CHANGE_DIR | newer;
    let read = READ_FILE | READ_DIR;
    let all_files = confinement.has(Capability::Files);
    // Where all files are granted a right that nobody misses stands for all, so that the rest holds.
    let handled = if all_files { MAKE_BLOCK } else { read | write };
    let ruleset = Ruleset::new(handled, if version >= 6 { SCOPES } else { 0 })?;
    if !all_files {
        for path in SYSTEM {
            ruleset.allow(Path::new(path), read)?;
        }
        for device in devices() {
            ruleset.allow(&device, read | (write & OF_FILES))?;
        }
        if confinement.has(Capability::Processes) {
            // Processes look at each other and share memory through files.
            ruleset.allow(Path::new("/proc"), read)?;
            ruleset.allow(Path::new("/dev/shm"), read | write)?;
        }
        for path in &confinement.readable {
            ruleset.allow(path, read)?;
        }
        for path in &confinement.writable {
            ruleset.allow(path, read | write)?;
        }
    }
    ruleset.restrict()
}

fn devices() -> Vec<std::path::PathBuf> {
    let mut devices: Vec<_> = DEVICES.iter().map(|name| Path::new("/dev").join(name)).collect();
    for entry in std::fs::read_dir("/dev").into_iter().flatten().flatten() {
        let name = entry.file_name();
        if DEVICE_FAMILIES.iter().any(|family| name.to_string_lossy().starts_with(family)) {
            devices.push(entry.path());
        }
    }
    devices
}

struct Ruleset(OwnedFd);

impl Ruleset {
    fn new(handled_access_fs: u64, scoped: u64) -> io::Result<Self> {
        let attributes = RulesetAttributes { handled_access_fs, handled_access_net: 0, scoped };
        let size = size_of::<RulesetAttributes>();
        // SAFETY: a valid structure and its size; older systems accept a longer one whose end is zero.
        let made =
            unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0_u32) };
        let made = i32::try_from(made).unwrap_or(-1);
        if made < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(made) }))
    }

    /// Allows `access` to a file, or to a folder and all in it. What is not there needs no permission.
    fn allow(&self, path: &Path, access: u64) -> io::Result<()> {
        let Ok(text) = CString::new(path.as_os_str().as_bytes()) else { return Ok(()) };
        // SAFETY: a text that ends with 0.
        let opened = unsafe { libc::open(text.as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
        if opened < 0 {
            return Ok(());
        }
        // SAFETY: a new descriptor that nobody else owns.
        let opened = unsafe { OwnedFd::from_raw_fd(opened) };
        let is_folder = std::fs::metadata(path).is_ok_and(|data| data.is_dir());
        let allowed_access = if is_folder { access } else { access & OF_FILES };
        let rule = PathBeneath { allowed_access, parent: opened.as_raw_fd() };
        let ruleset = self.0.as_raw_fd();
        // SAFETY: a valid structure, read before the call returns.
        let added = unsafe {
            libc::syscall(libc::SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &raw const rule, 0_u32)
        };
        if added < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn restrict(self) -> io::Result<()> {
        // SAFETY: takes a descriptor that is open, and a number.
        let restricted =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), 0_u32) };
        if restricted < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
