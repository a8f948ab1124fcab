//! The host's end of a worker process.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use heirloom_model::{ComponentError, ComponentErrorKind, FailureKind};
use heirloom_plugin_abi::{EventWriter as _, ToTracing};

use crate::error::HostError;
use crate::host::HostState;
use crate::local::Recipe;

use super::frame::{FrameReader, Verb, new_frame, send};
use super::message::{Create, LogEvent, WrittenError, read, write};

/// How often a waiting host looks at the clock and at the worker's memory.
const TICK: Duration = Duration::from_millis(10);

/// How long a worker may take to end after its socket has closed.
const DEATH_LIMIT: Duration = Duration::from_secs(1);

/// How long a worker may take to start and make its component.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Starts workers of one component.
pub(super) struct Launcher {
    program: PathBuf,
    create: Create,
    /// Seconds after which a call without a limit of its own counts as hanging.
    pub(super) call_limit: Duration,
}

/// Why a call has no answer.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// What it amounts to, were it an evaluation.
    pub(super) kind: FailureKind,
    /// What happened.
    pub(super) message: String,
}

impl From<Fault> for ComponentError {
    fn from(fault: Fault) -> Self {
        Self::new(ComponentErrorKind::Crashed, fault.message)
    }
}

/// Answers a question: its verb and body, and the frame to which the answer is appended.
pub(super) type Answer<'a> = dyn FnMut(Verb, &[u8], &mut Vec<u8>) -> Result<(), ComponentError> + 'a;

/// What a call may use, and who is asked while it runs.
pub(super) struct Watch<'a> {
    pub(super) limit: Option<Duration>,
    pub(super) memory_bytes: Option<u64>,
    /// Answers what the worker asks within the call.
    pub(super) answer: &'a mut Answer<'a>,
    /// Whether the call shall end at once.
    pub(super) abandon: &'a mut dyn FnMut() -> bool,
}

/// A running worker.
pub(super) struct Worker {
    child: Child,
    frames: FrameReader<UnixStream>,
}

impl Launcher {
    pub(super) fn new(recipe: &Recipe<'_>, host: &HostState, subject: Vec<u8>) -> Result<Self, HostError> {
        let plugin = recipe.plugin;
        let program = host.worker_program().map_err(|hint| HostError::Worker {
            plugin: plugin.id().into(),
            version: plugin.version().into(),
            reason: "its program was not found".into(),
            hint,
        })?;
        let create = Create {
            library: plugin.path().into(),
            fingerprint: plugin.fingerprint().into(),
            plugin: format!("{} {}", plugin.id(), plugin.version()),
            kind: recipe.identity.kind,
            name: recipe.identity.name.clone(),
            options: recipe.options.to_string(),
            subject,
            threads: host.options.threads,
            folder: host.options.folder.clone(),
            search_paths: host.search_paths.clone(),
            max_level: ToTracing::max_level(),
        };
        Ok(Self { program, create, call_limit: Duration::from_secs_f64(host.options.call_seconds) })
    }

    /// Starts a worker and has it make the component; returns what the component says of itself, as JSON.
    pub(super) fn start(&self) -> Result<(Worker, Vec<u8>), ComponentError> {
        let no_start = |error: io::Error| {
            let program = self.program.display();
            let message = format!("the worker `{program}` does not start: {error}");
            ComponentError::new(ComponentErrorKind::Crashed, message)
        };
        let mut worker = Worker::spawn(&self.program).map_err(no_start)?;
        let mut frame = new_frame();
        write(&self.create, &mut frame)?;
        let info = worker.call_simply(Verb::Create, &mut frame, START_LIMIT)?.to_vec();
        Ok((worker, info))
    }
}

impl Worker {
    fn spawn(program: &PathBuf) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(TICK))?;
        // What a plugin prints must not mix with the host's own output.
        let output = Stdio::from(std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned()?);
        let child = Command::new(program).stdin(OwnedFd::from(theirs)).stdout(output).spawn()?;
        Ok(Self { child, frames: FrameReader::new(ours) })
    }

    /// A call in which the worker asks nothing.
    pub(super) fn call_simply(
        &mut self,
        verb: Verb,
        frame: &mut [u8],
        limit: Duration,
    ) -> Result<&[u8], ComponentError> {
        let mut watch = Watch {
            limit: Some(limit),
            memory_bytes: None,
            answer: &mut |verb, _, _| Err(ComponentError::failed(format!("unexpected frame {verb:?}"))),
            abandon: &mut || false,
        };
        self.call(verb, frame, &mut watch)?
    }

    /// Sends a frame and waits for its answer: `Err` for a worker that is of no use any more, `Ok(Err)` for an error
    /// that the component reports.
    pub(super) fn call(
        &mut self,
        verb: Verb,
        frame: &mut [u8],
        watch: &mut Watch<'_>,
    ) -> Result<Result<&[u8], ComponentError>, Fault> {
        let start = Instant::now();
        if let Err(error) = send(self.frames.stream(), verb, frame) {
            return Err(self.bury(&error));
        }
        loop {
            let verb = match self.frames.receive() {
                Ok(verb) => verb,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if let Some(fault) = self.exceeded(start.elapsed(), watch) {
                        self.kill();
                        return Err(fault);
                    }
                    continue;
                }
                Err(error) => return Err(self.bury(&error)),
            };
            match verb {
                Verb::Done => return Ok(Ok(self.frames.last_body())),
                Verb::Error => {
                    let error = read::<WrittenError>(self.frames.last_body());
                    return Ok(Err(error.map_or_else(|error| error, Into::into)));
                }
                Verb::Log => {
                    if let Ok(LogEvent { plugin, level, origin, message }) = read(self.frames.last_body()) {
                        ToTracing::write(&plugin, level, &origin, &message);
                    }
                }
                question => {
                    let mut frame = new_frame();
                    let answered = (watch.answer)(question, self.frames.last_body(), &mut frame);
                    if let Err(error) = answered {
                        self.kill();
                        return Err(Fault { kind: FailureKind::Crashed, message: error.message });
                    }
                    if let Err(error) = send(self.frames.stream(), Verb::Done, &mut frame) {
                        return Err(self.bury(&error));
                    }
                }
            }
        }
    }

    /// The limit that a call has run into.
    fn exceeded(&self, elapsed: Duration, watch: &mut Watch<'_>) -> Option<Fault> {
        if let Some(limit) = watch.limit.filter(|limit| elapsed > *limit) {
            let message = format!(
                "no answer for {:.1} s, its worker process was killed; hint: raise the limit, or look for what hangs",
                limit.as_secs_f64()
            );
            return Some(Fault { kind: FailureKind::TimedOut, message });
        }
        if let Some(limit) = watch.memory_bytes
            && let Some(used) = resident_bytes(self.child.id()).filter(|used| *used > limit)
        {
            let message = format!(
                "it held {} MB of memory where {} are allowed, its worker process was killed; hint: raise \
                 `limits.memory_mb`, or exclude such configurations",
                used / 1_000_000,
                limit / 1_000_000
            );
            return Some(Fault { kind: FailureKind::OutOfMemory, message });
        }
        (watch.abandon)().then(|| {
            let message = "the run ends and the evaluation did not".into();
            Fault { kind: FailureKind::Cancelled, message }
        })
    }

    fn kill(&mut self) {
        // Both fail only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What became of a worker that does not talk any more.
    fn bury(&mut self, error: &io::Error) -> Fault {
        let ended = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        );
        if !ended {
            self.kill();
            let message = format!("its worker process sent what is no frame: {error}");
            return Fault { kind: FailureKind::Crashed, message };
        }
        // A plugin may have closed the socket and live on.
        let deadline = Instant::now() + DEATH_LIMIT;
        while let Ok(None) = self.child.try_wait()
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        match self.child.try_wait() {
            Ok(Some(status)) => describe(status),
            _ => {
                self.kill();
                let message = "its worker process closed its line to the host".into();
                Fault { kind: FailureKind::Crashed, message }
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has no work and keeps nothing: there is nothing to wait for.
        self.kill();
    }
}

/// How a worker ended, in words.
fn describe(status: ExitStatus) -> Fault {
    let crashed = |message: String| Fault { kind: FailureKind::Crashed, message };
    match (status.signal(), status.code()) {
        (Some(libc::SIGKILL), _) => Fault {
            kind: FailureKind::OutOfMemory,
            message:
                "its worker process was killed from outside; hint: that is what the system does when memory \
                      runs out"
                    .into(),
        },
        (Some(libc::SIGSEGV | libc::SIGBUS), _) => crashed(
            "its worker process was ended by a segmentation fault; hint: report it to the plugin's author"
                .into(),
        ),
        (Some(signal), _) => crashed(format!(
            "its worker process was ended by signal {signal}; hint: report it to the plugin's author"
        )),
        (None, code) => crashed(format!(
            "it ended its worker process with status {}; hint: a plugin returns errors, report it to its author",
            code.unwrap_or_default()
        )),
    }
}

/// The memory that a process holds; `None` where the system does not say.
fn resident_bytes(process: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: asks for a constant of the system.
    let page_size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page_size).ok()?)
}
