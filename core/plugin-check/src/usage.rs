//! What this process and those that it started hold: threads and memory.

use std::path::Path;

/// What is held by a process and all processes that it started, directly or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) n_processes: usize,
    pub(crate) n_threads: usize,
    /// Bytes of memory that are resident, without pages of files, such as a library's code: those can be read again.
    pub(crate) bytes: u64,
}

/// What this process holds now; `None` where the system does not say.
pub(crate) fn usage() -> Option<Usage> {
    let mut usage = Usage::default();
    let mut processes = vec![std::process::id()];
    while let Some(process) = processes.pop() {
        let folder = format!("/proc/{process}");
        // One that has ended meanwhile holds nothing.
        let Some((bytes, n_threads)) = resident_and_threads(Path::new(&folder)) else { continue };
        usage.n_processes += 1;
        usage.bytes += bytes;
        usage.n_threads += n_threads;
        for thread in std::fs::read_dir(format!("{folder}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            processes.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    (usage.n_processes > 0).then_some(usage)
}

/// From lines such as `RssAnon: 1024 kB` and `Threads: 3`.
fn resident_and_threads(folder: &Path) -> Option<(u64, usize)> {
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    // A process that has ended and was not waited for has threads but no memory.
    let kilobytes = field("RssAnon:")? + field("RssShmem:")?;
    Some((kilobytes * 1024, usize::try_from(field("Threads:")?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_a_process_and_memory_are_seen() {
        let before = usage().unwrap();
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv().is_err());
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let during = usage().unwrap();
        assert!(during.n_threads > before.n_threads, "{before:?} {during:?}");
        assert!(during.n_processes > before.n_processes, "{before:?} {during:?}");
        assert!(during.bytes > before.bytes + (60 << 20), "{before:?} {during:?}");
        drop((end, block));
        assert!(thread.join().unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
