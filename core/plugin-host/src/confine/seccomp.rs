//! Which of the system's calls a worker may make, by Linux's seccomp.
//!
//! A list of what is refused, not of what is allowed: a plugin may compute with whatever library it likes. What is
//! refused fails with an error as if the user had no right to it, so that a library can do without.

use std::io;

use libc::{EPERM, sock_filter};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Calls of x86-64's other interface begin here.
const X32: u32 = 0x4000_0000;

/// Places within the data that the filter sees.
const NUMBER: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
/// The lower half of the first argument.
const FIRST: u32 = 16;

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const IF_AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const IF_ANY_BIT: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;

/// What no plugin needs: other processes' memory and limits, the kernel itself, its ring of keys, and ways around this
/// filter.
const NEVER: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// What a library tries first and does without where the system is older.
const NOT_HERE: &[libc::c_long] = &[
    // Its flags cannot be seen by a filter: the C library falls back to `clone`.
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// What needs `processes`: other programs, and memory and queues that outlive a process.
const FOR_PROCESSES: &[libc::c_long] = &[
    libc::SYS_mq_open,
    libc::SYS_msgget,
    libc::SYS_pidfd_send_signal,
    libc::SYS_semget,
    libc::SYS_shmget,
    libc::SYS_tkill,
];

/// What sends a signal to the process that the first argument names.
const SIGNALS: &[libc::c_long] =
    &[libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo];

/// Namespaces, of which `clone` makes new ones: in one of its own a process has rights that it must not have.
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u32;

/// Puts it into force for this thread and all that it starts. `becomes`: one more program has to be started in this
/// process's place.
pub(super) fn enforce(processes: bool, network: bool, becomes: bool) -> io::Result<()> {
    let mut filter = filter(processes, network, becomes, std::process::id());
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).expect("a filter has some hundred steps"),
        filter: filter.as_mut_ptr(),
    };
    // Without the flag older systems slow the whole process down, against attacks on its own memory.
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: a valid program, copied before the call returns.
    let set =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn filter(processes: bool, network: bool, becomes: bool, own: u32) -> Vec<sock_filter> {
    let mut filter = Filter::default();
    filter.step(LOAD, ARCHITECTURE_AT);
    filter.jump(IF_EQUAL, ARCHITECTURE, 1, 0);
    filter.step(RETURN, libc::SECCOMP_RET_KILL_PROCESS);
    filter.step(LOAD, NUMBER);
    if cfg!(target_arch = "x86_64") {
        filter.jump(IF_AT_LEAST, X32, 0, 1);
        filter.step(RETURN, error(libc::ENOSYS));
    }
    for &call in NEVER {
        filter.refuse(call, EPERM);
    }
    for &call in NOT_HERE {
        filter.refuse(call, libc::ENOSYS);
    }
    // `prlimit64` would reach the host's limits.
    filter.only_for_itself(libc::SYS_prlimit64, own);
    if !network {
        // Connections of all kinds: those to other programs of this machine lead outside as well. Pairs of
        // connected sockets within the worker stay.
        filter.refuse(libc::SYS_socket, EPERM);
    }
    if processes {
        // It succeeds and does nothing: by its session the host finds what a worker leaves running.
        filter.refuse(libc::SYS_setsid, 0);
        filter.when(libc::SYS_clone, |filter| {
            filter.jump(IF_ANY_BIT, NEW_NAMESPACES, 0, 1);
            filter.step(RETURN, error(EPERM));
        });
        filter.when(libc::SYS_kill, |filter| {
            // Every process of the user.
            filter.jump(IF_EQUAL, u32::MAX, 0, 1);
            filter.step(RETURN, error(EPERM));
        });
    } else {
        for &call in FOR_PROCESSES {
            filter.refuse(call, EPERM);
        }
        #[cfg(target_arch = "x86_64")]
        {
            filter.refuse(libc::SYS_fork, EPERM);
            filter.refuse(libc::SYS_vfork, EPERM);
        }
        filter.when(libc::SYS_clone, |filter| {
            filter.jump(IF_ANY_BIT, libc::CLONE_THREAD as u32, 1, 0);
            filter.step(RETURN, error(EPERM));
        });
        for &call in SIGNALS {
            filter.only_for_itself(call, own);
        }
        if !becomes {
            filter.refuse(libc::SYS_execve, EPERM);
            filter.refuse(libc::SYS_execveat, EPERM);
        }
    }
    filter.step(RETURN, libc::SECCOMP_RET_ALLOW);
    filter.0
}

/// The filter's verdict that a call fails with `number`; with 0 it succeeds.
fn error(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number.unsigned_abs()
}

#[derive(Default)]
struct Filter(Vec<sock_filter>);

impl Filter {
    fn step(&mut self, code: u32, k: u32) {
        self.jump(code, k, 0, 0);
    }

    /// Goes on after so many steps when the condition holds, and after so many when it does not.
    fn jump(&mut self, code: u32, k: u32, holds: u8, fails: u8) {
        let code = u16::try_from(code).expect("codes of steps have 16 bits");
        self.0.push(sock_filter { code, jt: holds, jf: fails, k });
    }

    fn refuse(&mut self, call: libc::c_long, number: i32) {
        self.jump(IF_EQUAL, call_number(call), 0, 1);
        self.step(RETURN, error(number));
    }

    /// Steps for one call, with its first argument loaded; where they fall through the call is allowed.
    fn when(&mut self, call: libc::c_long, steps: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        inner.step(LOAD, FIRST);
        steps(&mut inner);
        inner.step(RETURN, libc::SECCOMP_RET_ALLOW);
        let n_steps = u8::try_from(inner.0.len()).expect("a call's rule has a few steps");
        self.jump(IF_EQUAL, call_number(call), 0, n_steps);
        self.0.extend(inner.0);
    }

    /// A call whose first argument names a process: only this one, by its number or as 0.
    fn only_for_itself(&mut self, call: libc::c_long, own: u32) {
        self.when(call, |filter| {
            filter.jump(IF_EQUAL, own, 2, 0);
            filter.jump(IF_EQUAL, 0, 1, 0);
            filter.step(RETURN, error(EPERM));
        });
    }
}

fn call_number(call: libc::c_long) -> u32 {
    u32::try_from(call).expect("a call's number is small")
}
