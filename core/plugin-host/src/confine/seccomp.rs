//! Which of the system's calls a worker may make, by Linux's seccomp.
//!
//! A list of what is refused, not of what is allowed: a plugin may compute with whatever library it likes. What is
//! refused fails with an error as if the user had no right to it, so that a library can do without.
//!
//! The steps are written here and not by the crate `seccompiler`: its filters compare every call with every rule, have
//! one verdict each, so that three would be needed, and cannot refuse a range of numbers, which x32 takes.

use std::io;

use libc::{EPERM, c_long, sock_filter};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Calls of x86-64's other interface begin here.
const X32: u32 = 0x4000_0000;

/// Places within the data that the filter sees.
const NUMBER: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
/// Arguments have 64 bits. What is looked at are flags and numbers of which the system itself takes the lower half.
const FIRST: u32 = 16;
const SECOND: u32 = 24;

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const AND: u32 = libc::BPF_ALU | libc::BPF_AND | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const IF_AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const IF_ANY_BIT: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;

/// What no plugin needs: other processes' memory and limits, the kernel itself, its log and its ring of keys, other
/// views of the file system, and ways around this filter.
const NEVER: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(any(target_arch = "x86_64", target_env = "gnu"))]
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// What a library tries first and does without where the system is older.
const NOT_HERE: &[c_long] = &[
    // Its flags cannot be seen by a filter: the C library falls back to `clone`.
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// What needs `processes`: other programs, memory and queues that outlive a process or are another's, and leaving the
/// worker's group of processes, by which it is ended, for one that it could then end.
const FOR_PROCESSES: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_msgctl,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_semctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_setpgid,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
    libc::SYS_tkill,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// What sends a signal to the process that the first argument names.
const SIGNALS: &[c_long] =
    &[libc::SYS_kill, libc::SYS_tgkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo];

/// What needs `files` and Landlock does not see, because nothing is opened: another owner, attributes, and being told
/// of what happens in a folder. The numbers are the same on all systems and not named everywhere yet.
const FOR_FILES: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    libc::SYS_fanotify_init,
    libc::SYS_fchownat,
    FILE_SETATTR,
    libc::SYS_inotify_add_watch,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    REMOVEXATTRAT,
    libc::SYS_setxattr,
    SETXATTRAT,
];
const SETXATTRAT: c_long = 463;
const REMOVEXATTRAT: c_long = 466;
const FILE_SETATTR: c_long = 469;

/// The same for a file's mode and times. These succeed and do nothing: what copies files sets both and does not expect
/// an error. Calls that name an open file are left, since only what may be reached can be opened.
const MODES_AND_TIMES: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmodat,
    FCHMODAT2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
];
const FCHMODAT2: c_long = 452;

/// Operations on an open file that have a signal sent to whatever process they name.
const SENDING_SIGNALS: &[u32] = &[libc::F_SETOWN as u32, F_SETOWN_EX, F_SETSIG];
const F_SETSIG: u32 = 10;
const F_SETOWN_EX: u32 = 15;

/// The same among the operations on devices, and those that type into the user's terminal.
const ON_DEVICES: &[u32] = &[FIOSETOWN, SIOCSPGRP, libc::TIOCSTI as u32, libc::TIOCLINUX as u32];
const FIOSETOWN: u32 = 0x8901;
const SIOCSPGRP: u32 = 0x8902;

/// New namespaces, in which a process has rights that it must not have, and processes that would be the host's children.
const NEVER_CLONED: u32 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_PARENT) as u32;

/// How many calls are compared one after the other once the search has come to them.
const GROUP: usize = 8;

/// A socket's type without the flags that stand beside it.
const SOCKET_TYPE: u32 = 0xf;

/// What a worker was granted, and whether one more program has to be started in this process's place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    pub(super) processes: bool,
    pub(super) network: bool,
    pub(super) files: bool,
    pub(super) becomes: bool,
}

/// Puts it into force for this thread and all that it starts.
pub(super) fn enforce(allowed: Allowed) -> io::Result<()> {
    let mut filter = filter(allowed, std::process::id());
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

fn filter(allowed: Allowed, own: u32) -> Vec<sock_filter> {
    let mut filter = vec![
        step(LOAD, ARCHITECTURE_AT),
        jump(IF_EQUAL, ARCHITECTURE, 1, 0),
        step(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        step(LOAD, NUMBER),
    ];
    if cfg!(target_arch = "x86_64") {
        filter.extend([jump(IF_AT_LEAST, X32, 0, 1), step(RETURN, error(libc::ENOSYS))]);
    }
    search(&rules(allowed, own), &mut filter);
    filter
}

/// A call's number, and what becomes of it.
type Rule = (u32, Verdict);

enum Verdict {
    /// It fails with this error; with 0 it succeeds and does nothing.
    Refused(i32),
    /// It is decided by steps, the last of which returns.
    Decided(Vec<sock_filter>),
}

impl Verdict {
    fn is(&self, number: i32) -> bool {
        matches!(self, Self::Refused(other) if *other == number)
    }
}

/// Adds steps that find a call's rule by halves. The system runs a new filter for every call that there is, to remember
/// which pass, and translates each of its steps: one that compares with rule after rule takes a tenth of a worker's start.
fn search(rules: &[Rule], filter: &mut Vec<sock_filter>) {
    let refused;
    let verdict = match &rules[0].1 {
        Verdict::Refused(number)
            if rules.len() <= GROUP && rules.iter().all(|(_, other)| other.is(*number)) =>
        {
            refused = [step(RETURN, error(*number))];
            refused.as_slice()
        }
        Verdict::Decided(steps) if rules.len() == 1 => steps,
        _ => {
            let (low, high) = rules.split_at(rules.len() / 2);
            let branch = filter.len();
            filter.push(jump(IF_AT_LEAST, high[0].0, 0, 0));
            search(low, filter);
            filter[branch].jt = length(filter.len() - branch - 1);
            return search(high, filter);
        }
    };
    for (index, (number, _)) in rules.iter().enumerate() {
        let left = rules.len() - 1 - index;
        filter.push(jump(IF_EQUAL, *number, length(left), if left == 0 { length(verdict.len()) } else { 0 }));
    }
    filter.extend_from_slice(verdict);
    filter.push(step(RETURN, libc::SECCOMP_RET_ALLOW));
}

/// Sorted by number.
fn rules(Allowed { processes, network, files, becomes }: Allowed, own: u32) -> Vec<Rule> {
    let mut rules = Rules::default();
    rules.refuse(NEVER, EPERM);
    rules.refuse(NOT_HERE, libc::ENOSYS);
    // It would reach the host's limits.
    rules.only_for_itself(libc::SYS_prlimit64, own);
    rules.refuse_for(libc::SYS_fcntl, SENDING_SIGNALS);
    rules.refuse_for(libc::SYS_ioctl, ON_DEVICES);
    if !network {
        // Connections of all kinds: those to other programs of this machine lead outside as well. Pairs of
        // connected sockets within the worker stay, but for those that could be connected anew.
        rules.refuse(&[libc::SYS_socket], EPERM);
        let only = [libc::SOCK_STREAM, libc::SOCK_SEQPACKET].map(i32::unsigned_abs);
        rules.decide(
            libc::SYS_socketpair,
            SECOND,
            &[
                step(AND, SOCKET_TYPE),
                jump(IF_EQUAL, only[0], 2, 0),
                jump(IF_EQUAL, only[1], 1, 0),
                step(RETURN, error(EPERM)),
            ],
        );
    }
    if !files {
        rules.refuse(FOR_FILES, EPERM);
        rules.refuse(MODES_AND_TIMES, 0);
        // Without a path it is about an open file.
        rules.decide(
            libc::SYS_utimensat,
            SECOND,
            &[
                jump(IF_EQUAL, 0, 0, 2),
                step(LOAD, SECOND + 4),
                jump(IF_EQUAL, 0, 1, 0),
                step(RETURN, error(0)),
            ],
        );
    }
    let mut clone = vec![jump(IF_ANY_BIT, NEVER_CLONED, 0, 1), step(RETURN, error(EPERM))];
    if processes {
        // It succeeds and does nothing: by its session the host finds what a worker leaves running.
        rules.refuse(&[libc::SYS_setsid], 0);
        // Every process of the user.
        rules.decide(libc::SYS_kill, FIRST, &[jump(IF_EQUAL, u32::MAX, 0, 1), step(RETURN, error(EPERM))]);
    } else {
        rules.refuse(FOR_PROCESSES, EPERM);
        clone.extend([jump(IF_ANY_BIT, libc::CLONE_THREAD.unsigned_abs(), 1, 0), step(RETURN, error(EPERM))]);
        for &call in SIGNALS {
            rules.only_for_itself(call, own);
        }
        if !becomes {
            rules.refuse(&[libc::SYS_execve, libc::SYS_execveat], EPERM);
        }
    }
    rules.decide(libc::SYS_clone, FIRST, &clone);
    rules.0.sort_unstable_by_key(|(number, _)| *number);
    rules.0
}

#[derive(Default)]
struct Rules(Vec<Rule>);

impl Rules {
    fn refuse(&mut self, calls: &[c_long], number: i32) {
        self.0.extend(calls.iter().map(|&call| (call_number(call), Verdict::Refused(number))));
    }

    /// Steps for one call, with an argument loaded; where they fall through the call is allowed.
    fn decide(&mut self, call: c_long, argument: u32, steps: &[sock_filter]) {
        let steps = [&[step(LOAD, argument)], steps, &[step(RETURN, libc::SECCOMP_RET_ALLOW)]].concat();
        self.0.push((call_number(call), Verdict::Decided(steps)));
    }

    /// A call whose first argument names a process: only this one, by its number or as 0.
    fn only_for_itself(&mut self, call: c_long, own: u32) {
        let steps = [jump(IF_EQUAL, own, 2, 0), jump(IF_EQUAL, 0, 1, 0), step(RETURN, error(EPERM))];
        self.decide(call, FIRST, &steps);
    }

    /// A call whose second argument says what it does: none of `operations`.
    fn refuse_for(&mut self, call: c_long, operations: &[u32]) {
        let refused = |&operation: &u32| [jump(IF_EQUAL, operation, 0, 1), step(RETURN, error(EPERM))];
        self.decide(call, SECOND, &operations.iter().flat_map(refused).collect::<Vec<_>>());
    }
}

fn step(code: u32, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

/// Goes on after so many steps when the condition holds, and after so many when it does not.
fn jump(code: u32, k: u32, holds: u8, fails: u8) -> sock_filter {
    let code = u16::try_from(code).expect("codes of steps have 16 bits");
    sock_filter { code, jt: holds, jf: fails, k }
}

/// A jump over so many steps.
fn length(n_steps: usize) -> u8 {
    u8::try_from(n_steps).expect("half of the rules have few enough steps for one jump")
}

fn call_number(call: c_long) -> u32 {
    u32::try_from(call).expect("a call's number is small")
}

/// The filter's verdict that a call fails with `number`; with 0 it succeeds.
fn error(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 4711;
    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const NOTHING: Allowed = Allowed { processes: false, network: false, files: false, becomes: false };
    const ALL: Allowed = Allowed { processes: true, network: true, files: true, becomes: true };

    /// What a filter says to a call, as the system runs it.
    fn verdict(filter: &[sock_filter], architecture: u32, number: u32, arguments: [u64; 2]) -> u32 {
        let [first, second] = arguments;
        let words = [
            number,
            architecture,
            0,
            0,
            first as u32,
            (first >> 32) as u32,
            second as u32,
            (second >> 32) as u32,
        ];
        let (mut at, mut loaded) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = filter[at];
            at += 1;
            let holds = match u32::from(code) {
                RETURN => return k,
                LOAD => {
                    loaded = words[k as usize / 4];
                    continue;
                }
                AND => {
                    loaded &= k;
                    continue;
                }
                IF_EQUAL => loaded == k,
                IF_AT_LEAST => loaded >= k,
                IF_ANY_BIT => loaded & k != 0,
                code => panic!("code {code}"),
            };
            at += usize::from(if holds { jt } else { jf });
        }
    }

    fn decide(allowed: Allowed, call: c_long, arguments: [u64; 2]) -> u32 {
        verdict(&filter(allowed, OWN), ARCHITECTURE, call as u32, arguments)
    }

    #[test]
    fn every_call_comes_to_its_own_rule_and_those_without_one_pass() {
        for allowed in [NOTHING, ALL] {
            let (filter, rules) = (filter(allowed, OWN), rules(allowed, OWN));
            assert!(rules.windows(2).all(|pair| pair[0].0 < pair[1].0), "a call has two rules");
            for number in 0..1_000 {
                for arguments in [[0, 0], [u64::from(OWN), 8], [1, 0x5412], [u64::MAX, u64::MAX]] {
                    let alone = match rules.iter().find(|rule| rule.0 == number).map(|rule| &rule.1) {
                        None => ALLOW,
                        Some(Verdict::Refused(number)) => error(*number),
                        Some(Verdict::Decided(steps)) => verdict(steps, ARCHITECTURE, number, arguments),
                    };
                    let found = verdict(&filter, ARCHITECTURE, number, arguments);
                    assert_eq!(found, alone, "call {number} {arguments:?}");
                }
            }
        }
    }

    #[test]
    fn other_interfaces_of_the_system_are_no_way_around() {
        let i386 = 0x4000_0003;
        let filter = filter(NOTHING, OWN);
        assert_eq!(verdict(&filter, i386, 2, [0, 0]), libc::SECCOMP_RET_KILL_PROCESS);
        if cfg!(target_arch = "x86_64") {
            for number in [libc::SYS_read, libc::SYS_ptrace, 0x3fff_ffff] {
                let x32 = number as u32 | X32;
                assert_eq!(verdict(&filter, ARCHITECTURE, x32, [0, 0]), error(libc::ENOSYS));
            }
        }
    }

    #[test]
    fn arguments_are_read_as_the_system_reads_them() {
        let refused = error(EPERM);
        let high = 1 << 32;
        // A process's number has 32 bits, whatever stands above them.
        assert_eq!(decide(NOTHING, libc::SYS_kill, [u64::from(OWN), 9]), ALLOW);
        assert_eq!(decide(NOTHING, libc::SYS_kill, [u64::from(OWN) + 1, 9]), refused);
        assert_eq!(decide(NOTHING, libc::SYS_kill, [high + u64::from(OWN) + 1, 9]), refused);
        assert_eq!(decide(ALL, libc::SYS_kill, [u64::from(u32::MAX), 9]), refused);
        let thread = (libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND) as u64;
        assert_eq!(decide(NOTHING, libc::SYS_clone, [thread, 0]), ALLOW);
        for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNET, libc::CLONE_PARENT] {
            let flag = u64::from(flag.unsigned_abs());
            assert_eq!(decide(NOTHING, libc::SYS_clone, [thread | flag, 0]), refused);
            assert_eq!(decide(ALL, libc::SYS_clone, [17 | flag, 0]), refused);
        }
        assert_eq!(
            (decide(NOTHING, libc::SYS_clone, [17, 0]), decide(ALL, libc::SYS_clone, [17, 0])),
            (refused, ALLOW)
        );
        for (kind, verdict) in
            [(libc::SOCK_STREAM, ALLOW), (libc::SOCK_DGRAM, refused), (libc::SOCK_RAW, refused)]
        {
            let kind = (kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) as u64;
            assert_eq!(decide(NOTHING, libc::SYS_socketpair, [1, kind]), verdict);
            assert_eq!(decide(ALL, libc::SYS_socketpair, [1, kind]), ALLOW);
        }
        // An operation has 32 bits as well; a path has 64.
        assert_eq!(decide(ALL, libc::SYS_ioctl, [0, high | u64::from(ON_DEVICES[2])]), refused);
        assert_eq!(decide(NOTHING, libc::SYS_utimensat, [3, 0]), ALLOW);
        assert_eq!(decide(NOTHING, libc::SYS_utimensat, [3, high]), error(0));
        assert_eq!(decide(NOTHING, libc::SYS_utimensat, [3, 16]), error(0));
        assert_eq!(decide(ALL, libc::SYS_utimensat, [3, 16]), ALLOW);
    }
}
