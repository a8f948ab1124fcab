//! The host's end of a worker process.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heirloom_model::{ComponentError, ComponentErrorKind, FailureKind, Space};
use heirloom_plugin_abi::columns::Candidates;
use heirloom_plugin_abi::{EventWriter as _, ToTracing, Wire as _};

use super::confined::{Confined, too_much_memory};
use super::frame::{FrameReader, Verb, new_frame, seal};
use super::message::{LogEvent, WrittenError, read};
use super::output::Output;

/// How often a waiting host looks at the clock and at the worker's memory.
const TICK: Duration = Duration::from_millis(10);

/// How long a worker may take to end after its socket has closed.
const DEATH_LIMIT: Duration = Duration::from_secs(1);

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
    process: Arc<Confined>,
    frames: FrameReader<UnixStream>,
    output: Output,
    /// Seconds of processor time that a call may take.
    cpu_seconds: Option<f64>,
    /// The space whose configurations the worker may ask about.
    space: Option<Arc<Space>>,
    /// Whether its last call has no answer because it was beyond a limit.
    is_excess: bool,
}

impl Worker {
    pub(super) fn new(
        process: Arc<Confined>,
        socket: UnixStream,
        output: Output,
        cpu_seconds: Option<f64>,
        space: Option<Arc<Space>>,
    ) -> io::Result<Self> {
        socket.set_read_timeout(Some(TICK))?;
        socket.set_write_timeout(Some(TICK))?;
        Ok(Self {
            process,
            frames: FrameReader::impatient(socket),
            output,
            cpu_seconds,
            space,
            is_excess: false,
        })
    }

    /// The last that it printed.
    pub(super) fn printed(&self) -> String {
        self.output.tail()
    }

    /// Whether it was ended because it was beyond a limit of the run file.
    pub(super) fn is_excess(&self) -> bool {
        self.is_excess
    }

    /// A call in which the worker asks nothing, and of which nothing need be known but what went wrong.
    pub(super) fn call_simply(
        &mut self,
        verb: Verb,
        frame: &mut [u8],
        limit: Duration,
    ) -> Result<&[u8], ComponentError> {
        self.call_alone(verb, frame, limit)?
    }

    /// A [`call`](Self::call) in which the worker asks nothing.
    pub(super) fn call_alone(
        &mut self,
        verb: Verb,
        frame: &mut [u8],
        limit: Duration,
    ) -> Result<Result<&[u8], ComponentError>, Fault> {
        let mut watch = Watch {
            limit: Some(limit),
            memory_bytes: None,
            answer: &mut |verb, _, _| Err(ComponentError::failed(format!("unexpected frame {verb:?}"))),
            abandon: &mut || false,
        };
        self.call(verb, frame, &mut watch)
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
        let mut looks = Looks { start, next: start + TICK, cpu_at_start: None };
        self.send(verb, frame, &mut looks, watch)?;
        loop {
            let verb = match self.frames.receive() {
                Ok(verb) => verb,
                Err(error) if is_wait(&error) => {
                    self.look(&mut looks, watch)?;
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
                    let body = self.frames.last_body();
                    let answered = match question {
                        Verb::Allowed => say_allowed(self.space.as_deref(), body, &mut frame),
                        question => (watch.answer)(question, body, &mut frame),
                    };
                    if let Err(error) = answered {
                        self.kill();
                        return Err(Fault { kind: FailureKind::Crashed, message: error.message });
                    }
                    self.send(Verb::Done, &mut frame, &mut looks, watch)?;
                }
            }
            // A worker that talks without end hangs as well.
            self.look(&mut looks, watch)?;
        }
    }

    /// Sends a frame, for as long as the call may take: a worker need not read what it is sent.
    fn send(
        &mut self,
        verb: Verb,
        frame: &mut [u8],
        looks: &mut Looks,
        watch: &mut Watch<'_>,
    ) -> Result<(), Fault> {
        let mut rest = match seal(verb, frame) {
            Ok(()) => &*frame,
            Err(error) => return Err(self.bury(&error)),
        };
        while !rest.is_empty() {
            match self.frames.stream().write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(error) if is_wait(&error) => self.look(looks, watch)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.bury(&error)),
            }
        }
        Ok(())
    }

    /// Ends a worker that is beyond a limit of its call, looking no more often than every [`TICK`].
    fn look(&self, looks: &mut Looks, watch: &mut Watch<'_>) -> Result<(), Fault> {
        let now = Instant::now();
        if now < looks.next {
            return Ok(());
        }
        looks.next = now + TICK;
        match self.exceeded(looks, watch) {
            None => Ok(()),
            Some(fault) => {
                self.kill();
                Err(fault)
            }
        }
    }

    /// The limit that a call has run into.
    fn exceeded(&self, looks: &mut Looks, watch: &mut Watch<'_>) -> Option<Fault> {
        let fault = |kind, message| Some(Fault { kind, message });
        if let Some(limit) = watch.limit.filter(|limit| looks.start.elapsed() > *limit) {
            let message = format!(
                "no answer for {:.1} s, its worker process was killed; hint: raise the limit, or look for what hangs",
                limit.as_secs_f64()
            );
            return fault(FailureKind::TimedOut, message);
        }
        if watch.memory_bytes.is_some() || self.cpu_seconds.is_some() {
            let usage = self.process.usage();
            if let Some(limit) = watch.memory_bytes.filter(|limit| usage.memory_bytes > *limit) {
                return fault(FailureKind::OutOfMemory, too_much_memory(usage.memory_bytes, limit, "limits"));
            }
            let used = usage.cpu_seconds - *looks.cpu_at_start.get_or_insert(usage.cpu_seconds);
            if let Some(limit) = self.cpu_seconds.filter(|limit| used > *limit) {
                let message = format!(
                    "it took {used:.1} s of processor time for one call where {limit} are allowed, its worker process \
                     was killed; hint: raise `isolation.cpu_seconds`, or look for what does not end"
                );
                return fault(FailureKind::TimedOut, message);
            }
        }
        (watch.abandon)().then(|| {
            let message = "the run ends and the evaluation did not".into();
            Fault { kind: FailureKind::Cancelled, message }
        })
    }

    /// Ends it.
    pub(super) fn kill(&self) {
        self.process.end();
    }

    /// What became of a worker that does not talk any more.
    fn bury(&mut self, error: &io::Error) -> Fault {
        if let Some(fault) = self.process.excess() {
            self.is_excess = true;
            self.kill();
            return fault;
        }
        let ended = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
        );
        if !ended {
            self.kill();
            let message = format!(
                "its worker process sent what is no frame: {error}; hint: report it to the plugin's author"
            );
            return Fault { kind: FailureKind::Crashed, message };
        }
        // A plugin may have closed the socket and live on.
        match self.process.ended_within(DEATH_LIMIT) {
            Some(status) => {
                self.is_excess = status.signal() == Some(libc::SIGXFSZ);
                describe(status, &self.output.tail())
            }
            None => {
                self.kill();
                let message =
                    "its worker process closed its line to the host; hint: report it to the plugin's author";
                Fault { kind: FailureKind::Crashed, message: message.into() }
            }
        }
    }
}

/// When a call began and is looked at again.
struct Looks {
    start: Instant,
    next: Instant,
    /// Seconds of processor time that the worker had used when it was first looked at.
    cpu_at_start: Option<f64>,
}

fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// What allocators say before they end a process that gets no more memory.
const NO_MEMORY: [&str; 3] = ["memory allocation of ", "std::bad_alloc", "MemoryError"];

/// Says of each configuration whether it is a point of the space.
fn say_allowed(space: Option<&Space>, body: &[u8], frame: &mut Vec<u8>) -> Result<(), ComponentError> {
    let configurations = Candidates::read_all(body)?.to_model()?;
    let allowed = |configuration| space.is_some_and(|space| space.check(configuration).is_ok());
    frame.extend(configurations.iter().map(|configuration| u8::from(allowed(configuration))));
    Ok(())
}

/// How a worker ended, in words.
fn describe(status: ExitStatus, printed: &str) -> Fault {
    let crashed = |message: String| Fault { kind: FailureKind::Crashed, message };
    match (status.signal(), status.code()) {
        (Some(libc::SIGABRT), _) | (_, Some(1)) if NO_MEMORY.iter().any(|words| printed.contains(words)) => {
            Fault {
                kind: FailureKind::OutOfMemory,
                message: "it asked for more memory than it may have and ended; hint: raise \
                          `isolation.memory_mb`, or exclude such configurations"
                    .into(),
            }
        }
        (Some(libc::SIGXFSZ), _) => crashed(
            "it wrote a file beyond the size that is allowed and was ended; hint: raise `isolation.scratch_mb`, \
             or report it to the plugin's author"
                .into(),
        ),
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
