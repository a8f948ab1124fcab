//! A worker with all that it has started: what they use, and their end.
//!
//! A worker begins a session of its own, which none of its descendants can leave: even those whose parents have
//! ended are found by the session's number.

use std::os::unix::fs::MetadataExt as _;

/// What processes use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Usage {
    pub(super) processes: u64,
    /// Bytes of memory that they hold, shared pages counted once for each.
    pub(super) memory_bytes: u64,
    /// Seconds of processor time since they began.
    pub(super) cpu_seconds: f64,
}

/// One line of the system's table of processes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    is_dead: bool,
    session: u32,
    ticks: u64,
    pages: u64,
}

impl Entry {
    /// Reads `/proc/PID/stat`.
    fn parse(stat: &str) -> Option<Self> {
        // The second field, the name, stands in parentheses and may hold anything: fields are counted after it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            is_dead: matches!(*fields.first()?, "Z" | "X"),
            session: u32::try_from(number(3)?).ok()?,
            ticks: number(11)? + number(12)?,
            pages: number(21)?,
        })
    }

    fn of(process: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }
}

/// What one process uses; `None` where the system does not say.
pub(super) fn usage_of_process(process: u32) -> Option<Usage> {
    Entry::of(process).map(|entry| total(&[entry]))
}

/// What all processes of a session use.
pub(super) fn usage_of_session(session: u32) -> Usage {
    total(&members(session).into_iter().map(|(_, entry)| entry).collect::<Vec<_>>())
}

/// Bytes of the files that a process, or all of a session, has open and that have no name: nobody finds them by
/// looking into folders.
pub(super) fn nameless_bytes(leader: u32, all: bool) -> u64 {
    let processes =
        if all { members(leader).into_iter().map(|(process, _)| process).collect() } else { vec![leader] };
    let files = processes
        .iter()
        .flat_map(|process| std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten());
    let data = files.filter_map(|file| std::fs::metadata(file.path()).ok());
    data.filter(|data| data.is_file() && data.nlink() == 0).map(|data| data.blocks() * 512).sum()
}

fn total(entries: &[Entry]) -> Usage {
    // SAFETY: asks for constants of the system.
    let (page_size, ticks) = unsafe { (libc::sysconf(libc::_SC_PAGESIZE), libc::sysconf(libc::_SC_CLK_TCK)) };
    let pages: u64 = entries.iter().map(|entry| entry.pages).sum();
    Usage {
        processes: entries.len() as u64,
        memory_bytes: pages * page_size.unsigned_abs(),
        cpu_seconds: entries.iter().map(|entry| entry.ticks).sum::<u64>() as f64 / ticks.max(1) as f64,
    }
}

/// The living processes of a session.
fn members(session: u32) -> Vec<(u32, Entry)> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter_map(|process| Some((process, Entry::of(process)?)))
        .filter(|(_, entry)| entry.session == session && !entry.is_dead)
        .collect()
}

/// How often a session's processes are looked for before those that are left are given up. Each round leaves only
/// what was started while it looked.
const MAX_ROUNDS: usize = 1_000;

/// Kills the processes of the session that `leader` began; `all`: also those that have left its process group.
///
/// The leader must not have been waited for: only so long are the numbers its own.
pub(super) fn kill(leader: u32, all: bool) {
    let Ok(leader_id) = i32::try_from(leader) else { return };
    // SAFETY: takes numbers. An error means that nobody is left in the group.
    unsafe { libc::kill(-leader_id, libc::SIGKILL) };
    if all {
        kill_members(leader, None);
    }
}

/// Kills what this process has started, where it began a session of its own: else it cannot have started any.
pub(super) fn kill_own() {
    let own = std::process::id();
    // SAFETY: takes a number; 0 is this process.
    let session = unsafe { libc::getsid(0) };
    if u32::try_from(session) == Ok(own) {
        kill_members(own, Some(own));
    }
}

/// Kills the processes of a session, all but `spared`.
fn kill_members(session: u32, spared: Option<u32>) {
    for _ in 0..MAX_ROUNDS {
        let mut members = members(session);
        members.retain(|(process, _)| Some(*process) != spared);
        for (process, _) in &members {
            if let Ok(process) = i32::try_from(*process) {
                // SAFETY: takes numbers. One that ended meanwhile is an error, and its number is not another's yet.
                unsafe { libc::kill(process, libc::SIGKILL) };
            }
        }
        if members.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat =
            "42 (a) b (c) S 1 77 78 0 -1 4194304 9 0 0 0 1 2 0 0 20 0 1 0 5 1000 321 18446744073709551615 1";
        let entry = Entry { is_dead: false, session: 78, ticks: 3, pages: 321 };
        assert_eq!(Entry::parse(stat), Some(entry));
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = usage_of_process(std::process::id()).unwrap();
        assert!(usage.processes == 1 && usage.memory_bytes > 100_000, "{usage:?}");
    }
}
