//! Work in a copy of this process: what is open already, such as LibTorch, need not be opened again.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::leave;

/// Does `work` in a copy of this process, which ends with it; returns the copy's number, to be waited for.
///
/// The copy reads nothing, prints into `out` and `err`, and begins a group of processes of its own.
///
/// # Errors
///
/// When this process has other threads, or the system does not tell: in the copy nobody would release what they
/// hold. When the system makes no copy.
pub fn in_copy(out: &File, err: &File, work: impl FnOnce()) -> io::Result<i32> {
    let nothing = File::open("/dev/null")?;
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("a process with several threads cannot be copied"));
    }
    // SAFETY: the only thread, as was just counted, is this one, so the copy is in no state but this thread's.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let done = catch_unwind(AssertUnwindSafe(|| {
                for (from, to) in
                    [(&nothing, libc::STDIN_FILENO), (out, libc::STDOUT_FILENO), (err, libc::STDERR_FILENO)]
                {
                    // SAFETY: both are numbers of open files, or become one.
                    unsafe { libc::dup2(from.as_raw_fd(), to) };
                }
                begin_group(0);
                work();
            }));
            leave(if done.is_ok() { 0 } else { 101 })
        }
        copy => {
            // It does the same: whoever comes first, neither goes on before it is done.
            begin_group(copy);
            Ok(copy)
        }
    }
}

/// Makes `process` the first of a group; 0 is this one.
fn begin_group(process: i32) {
    // SAFETY: takes numbers. It fails where the process has ended already.
    unsafe { libc::setpgid(process, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_second_thread_is_not_copied() {
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv().is_err());
        let nowhere = File::options().write(true).open("/dev/null").unwrap();
        assert!(in_copy(&nowhere, &nowhere, || unreachable!("no copy was to be made")).is_err());
        drop(end);
        assert!(thread.join().unwrap());
    }
}
