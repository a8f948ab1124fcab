//! Which files a worker reaches, by Linux's Landlock (5.13 and later); later versions also keep signals and sockets
//! with abstract names within the worker.
//!
//! A process under Landlock cannot look into processes outside, so that the host's environment stays unread too.

use std::path::{Path, PathBuf};

use heirloom_plugin_abi::Capability;
use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, Scope, path_beneath_rules,
};

use super::Confinement;

/// The newest version whose rights are meant; what the system does not have of them is left out.
const VERSION: ABI = ABI::V6;

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

/// Whether this system has it.
pub(super) fn is_there() -> bool {
    let needed = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    needed.handle_access(AccessFs::ReadFile).and_then(Ruleset::create).is_ok()
}

/// Puts it into force for this thread and all that it starts. What is not there needs no permission.
pub(super) fn enforce(confinement: &Confinement) -> Result<(), RulesetError> {
    // Programs among it: one that may not be read may not be run either, lest another's code reads it from within.
    let read = AccessFs::from_read(VERSION);
    let all = AccessFs::from_all(VERSION);
    let write = all & !AccessFs::IoctlDev;
    let all_files = confinement.has(Capability::Files);
    // Where all files are granted a right that nobody misses stands for all, so that the rest holds.
    let handled = if all_files { AccessFs::MakeBlock.into() } else { all };
    let mut ruleset = Ruleset::default().handle_access(handled)?.scope(Scope::from_all(VERSION))?.create()?;
    if !all_files {
        ruleset = ruleset
            .add_rules(path_beneath_rules(SYSTEM, read))?
            .add_rules(path_beneath_rules(devices(), all))?
            .add_rules(path_beneath_rules(&confinement.readable, read))?
            .add_rules(path_beneath_rules(&confinement.writable, write))?;
        if confinement.has(Capability::Processes) {
            // Processes look at each other and share memory through files.
            ruleset = ruleset
                .add_rules(path_beneath_rules(["/proc"], read))?
                .add_rules(path_beneath_rules(["/dev/shm"], write))?;
        }
    }
    ruleset.restrict_self().map(drop)
}

fn devices() -> Vec<PathBuf> {
    let mut devices: Vec<_> = DEVICES.iter().map(|name| Path::new("/dev").join(name)).collect();
    for entry in std::fs::read_dir("/dev").into_iter().flatten().flatten() {
        let name = entry.file_name();
        if DEVICE_FAMILIES.iter().any(|family| name.to_string_lossy().starts_with(family)) {
            devices.push(entry.path());
        }
    }
    devices
}
