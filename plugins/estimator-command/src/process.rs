//! A program at work: its process group, its output as it comes, its memory.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How much of standard error is kept for a failure's message.
const TAIL_BYTES: usize = 2_048;

/// Between two looks at a process that is asked to end.
const POLL: Duration = Duration::from_millis(2);

/// What came from standard output within a time.
pub(crate) enum Output {
    Line(String),
    Nothing,
    End,
}

/// A running program. Dropping it kills its whole process group.
pub(crate) struct Process {
    child: Child,
    group: Pid,
    lines: Receiver<String>,
    errors: Tail,
    /// Whether the program's end was taken note of, after which its group's number may be another's.
    is_reaped: bool,
}

impl Process {
    /// Starts `command` in a process group of its own and writes `input` to its standard input.
    pub(crate) fn spawn(command: &mut Command, input: String) -> io::Result<Self> {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let group = Pid::from_child(&child);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            unreachable!("all three were asked to be pipes");
        };
        // A thread, because a program that reads nothing blocks the writer; an error means that it does not want
        // its input.
        thread::spawn(move || stdin.write_all(input.as_bytes()));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let Ok(line) = line else { return };
                if sender.send(String::from_utf8_lossy(&line).trim().to_owned()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, group, lines, errors: Tail::of(stderr), is_reaped: false })
    }

    /// The next line of standard output, if one comes within `wait`.
    pub(crate) fn output(&self, wait: Duration) -> Output {
        match self.lines.recv_timeout(wait) {
            Ok(line) => Output::Line(line),
            Err(RecvTimeoutError::Timeout) => Output::Nothing,
            Err(RecvTimeoutError::Disconnected) => Output::End,
        }
    }

    /// Whether the program has ended. It is not reaped yet, so that its group's number stays its own.
    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.group), options), Ok(None))
    }

    /// Bytes of memory that the group's processes hold, counting shared pages once for each. 0 where the system
    /// does not tell.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
        let is_number = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        processes
            .flatten()
            .filter(|entry| is_number(&entry.file_name()))
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
            .filter_map(|stat| resident_pages(&stat, self.group.as_raw_pid()))
            .sum::<u64>()
            * rustix::param::page_size() as u64
    }

    /// Asks the group to end, and kills it when it has not after `grace`.
    pub(crate) fn end(&mut self, grace: Duration) {
        let _ = kill_process_group(self.group, Signal::TERM);
        let deadline = Instant::now() + grace;
        while !self.has_ended() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        self.kill();
    }

    /// Kills the group. What it has written can still be read.
    pub(crate) fn kill(&self) {
        // An error means that nobody is left in it.
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    /// Waits for the program's end, and kills what it left running.
    pub(crate) fn status(&mut self) -> io::Result<ExitStatus> {
        while !self.has_ended() {
            thread::sleep(POLL);
        }
        self.kill();
        self.is_reaped = true;
        self.child.wait()
    }

    /// The last lines of standard error.
    pub(crate) fn errors(&self) -> String {
        self.errors.text()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

/// The resident pages of a process from its `/proc/PID/stat`, when it is in `group`.
fn resident_pages(stat: &str, group: i32) -> Option<u64> {
    // The second field, the name, stands in parentheses and may hold anything: fields are counted after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let is_member = fields.get(2)?.parse() == Ok(group);
    if is_member { fields.get(21)?.parse().ok() } else { None }
}

/// The end of a stream, read in a thread of its own.
struct Tail {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Tail {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let (sender, end) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..n]);
                let n_surplus = kept.len().saturating_sub(TAIL_BYTES);
                kept.drain(..n_surplus);
            }
            drop(sender);
        });
        Self { bytes, end }
    }

    fn text(&self) -> String {
        // The stream ends with its writers; one that has left the group may hold it open.
        let _ = self.end.recv_timeout(Duration::from_millis(200));
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat =
            "42 (a) b (c) S 1 77 77 0 -1 4194304 9 0 0 0 1 2 0 0 20 0 1 0 5 1000 321 18446744073709551615 1";
        assert_eq!(resident_pages(stat, 77), Some(321));
        assert_eq!(resident_pages(stat, 78), None);
    }
}
