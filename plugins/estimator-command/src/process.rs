//! A program at work: its process group, its output as it comes, its memory.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How much of standard error is kept for a failure's message.
const TAIL_BYTES: usize = 2_048;

/// Between two looks at a process that is asked to end.
const POLL: Duration = Duration::from_millis(2);

/// How long a program that is asked to end may take when its run is cancelled: less than the two seconds after which the
/// host ends without it.
const CANCELLED_GRACE: Duration = Duration::from_millis(1_500);

/// The longest line of standard output, bytes: a program may print one that never ends.
pub(crate) const MAX_LINE: usize = 1_000_000;

/// How many lines wait to be looked at. A program that prints faster than that waits itself.
const MAX_WAITING: usize = 64;

/// What came from standard output within a time.
pub(crate) enum Output {
    Line(String),
    /// A line of more than [`MAX_LINE`] bytes, after which nothing is read.
    TooLong,
    Nothing,
    End,
}

/// A running program. Dropping it kills its whole process group.
pub(crate) struct Process {
    child: Child,
    group: Pid,
    lines: Receiver<Output>,
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
        let (sender, lines) = sync_channel(MAX_WAITING);
        thread::spawn(move || send_lines(BufReader::new(stdout), &sender));
        Ok(Self { child, group, lines, errors: Tail::of(stderr), is_reaped: false })
    }

    /// The next line of standard output, if one comes within `wait`.
    pub(crate) fn output(&self, wait: Duration) -> Output {
        match self.lines.recv_timeout(wait) {
            Ok(output) => output,
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

    /// Asks the group to end, and kills it when it has not after `grace`, or sooner where the run is `cancelled`. What
    /// it still prints is lost.
    pub(crate) fn end(&mut self, grace: Duration, cancelled: &dyn Fn() -> bool) {
        let _ = kill_process_group(self.group, Signal::TERM);
        let asked = Instant::now();
        let mut cancelled_at = None;
        while !self.has_ended() && asked.elapsed() < grace {
            if cancelled() && cancelled_at.get_or_insert_with(Instant::now).elapsed() >= CANCELLED_GRACE {
                break;
            }
            // Lines that nobody takes would keep it from putting its things in order.
            if let Output::TooLong | Output::End = self.output(POLL) {
                thread::sleep(POLL);
            }
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

/// Sends on the lines of a program's output, until it ends or one is too long.
fn send_lines(mut output: impl BufRead, lines: &SyncSender<Output>) {
    loop {
        let mut line = Vec::new();
        let Ok(1..) = output.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line) else { return };
        if line.len() > MAX_LINE && line.last() != Some(&b'\n') {
            // An error means that nobody waits for it any more.
            let _ = lines.send(Output::TooLong);
            return;
        }
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        if lines.send(Output::Line(text)).is_err() {
            return;
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
    fn a_program_that_prints_more_than_is_taken_waits_and_loses_nothing() {
        let start = || {
            let mut command = Command::new("sh");
            command.args(["-c", "yes | head -n 200000"]);
            let process = Process::spawn(&mut command, String::new()).unwrap();
            thread::sleep(Duration::from_millis(500));
            assert!(!process.has_ended(), "all that it printed was held in memory");
            process
        };
        let process = start();
        let mut n_lines = 0;
        while let Output::Line(line) = process.output(Duration::from_secs(60)) {
            assert_eq!(line, "y");
            n_lines += 1;
        }
        assert_eq!(n_lines, 200_000);
        // One that waits is killed like any other.
        let begin = Instant::now();
        drop(start());
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn the_longest_line_is_read_whole_and_one_that_is_longer_ends_the_reading() {
        let lines = |n_bytes: usize| {
            let (sender, lines) = sync_channel(MAX_WAITING);
            send_lines(("x".repeat(n_bytes) + "\nlast").as_bytes(), &sender);
            drop(sender);
            lines.iter().collect::<Vec<_>>()
        };
        let found = lines(MAX_LINE);
        let [Output::Line(longest), Output::Line(last)] = &found[..] else { panic!("{} lines", found.len()) };
        assert_eq!((longest.len(), last.as_str()), (MAX_LINE, "last"));
        assert!(matches!(lines(MAX_LINE + 1)[..], [Output::TooLong]));
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat =
            "42 (a) b (c) S 1 77 77 0 -1 4194304 9 0 0 0 1 2 0 0 20 0 1 0 5 1000 321 18446744073709551615 1";
        assert_eq!(resident_pages(stat, 77), Some(321));
        assert_eq!(resident_pages(stat, 78), None);
    }
}
