//! The worker's end: one component, served until the host hangs up.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use heirloom_model::{
    ComponentError, Components, CurvePoint, CurveReport, Fidelity, Problem, Reporter, Strategy, TrialId,
    Verdict,
};
use heirloom_plugin_abi::columns::{self, Ask, Knowledge, Observations, Report, Requests, Scoring};
use heirloom_plugin_abi::{
    Context, EstimatorObject, EventWriter, HostServices, Kind, LoadedLibrary, LogSink, ProxyObject,
    StrategyObject, Wire, Written, verdict_code, verdict_from_code,
};
use serde_json::Value as Json;

use crate::confine::Confinement;
use crate::host::{HostOptions, Isolation, PluginHost};
use crate::libtorch;

use super::frame::{FrameReader, HEADER, Verb, frame_of, new_frame, send};
use super::message::{Create, LogEvent, WrittenError, read, write};
use super::session;

/// The line to the host.
struct Link {
    frames: Mutex<FrameReader<UnixStream>>,
    /// A second handle on the same socket, so that logging does not wait for reading.
    out: Mutex<UnixStream>,
}

static LINK: OnceLock<Link> = OnceLock::new();

/// Serves the host at the other end of the standard input. Returns when the host hangs up.
///
/// The first argument is what the process may do (a `Confinement`); arguments that follow are a program that takes the
/// process over under the same limits, and with the same socket for its standard input.
///
/// To be called first thing in `main`, and once.
pub fn serve() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    if let Some(confinement) = arguments.next() {
        let confinement: Confinement = serde_json::from_slice(confinement.as_encoded_bytes())?;
        let program = arguments.next();
        confinement.enforce(program.is_some())?;
        if let Some(program) = program {
            close_from(3);
            return Err(Command::new(program).args(arguments).exec());
        }
    }
    let socket = take_socket()?;
    super::last_words::prepare();
    keep_memory();
    let watched = socket.try_clone()?;
    std::thread::spawn(move || end_with_host(&watched));
    let frames = Mutex::new(FrameReader::new(socket.try_clone()?));
    let link = LINK.get_or_init(|| Link { frames, out: Mutex::new(socket) });
    let served = answer_calls(link);
    session::kill_own();
    served
}

/// Answers one call after the other until the host hangs up.
fn answer_calls(link: &Link) -> io::Result<()> {
    let (mut component, mut body, mut frame) = (None, Vec::new(), new_frame());
    loop {
        let verb = match link.receive(&mut body) {
            Ok(verb) => verb,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        frame.truncate(HEADER);
        let served = match (verb, &mut component) {
            (Verb::Create, none) => create(&body, &mut frame).map(|made| *none = Some(made)),
            (_, None) => Err(ComponentError::failed("there is no component yet")),
            (_, Some(component)) => component.serve(verb, &body, &mut frame),
        };
        match served {
            Ok(()) => link.send(Verb::Done, &mut frame)?,
            Err(error) => {
                frame.truncate(HEADER);
                write(&WrittenError::from(error), &mut frame).map_err(io::Error::other)?;
                link.send(Verb::Error, &mut frame)?;
            }
        }
    }
}

/// Takes the socket away from where the plugin, and the programs it may start, would find it, and closes whatever
/// else was inherited.
fn take_socket() -> io::Result<UnixStream> {
    const SOCKET: i32 = 3;
    // SAFETY: nothing else runs yet, so nobody owns the descriptors that are closed and replaced.
    unsafe {
        if libc::dup2(0, SOCKET) < 0 || libc::fcntl(SOCKET, libc::F_SETFD, libc::FD_CLOEXEC) < 0 {
            return Err(io::Error::last_os_error());
        }
        close_from(SOCKET as u32 + 1);
        let nothing = File::open("/dev/null")?;
        if libc::dup2(nothing.as_raw_fd(), 0) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(UnixStream::from(OwnedFd::from_raw_fd(SOCKET)))
    }
}

/// Closes what was inherited beyond the standard streams.
fn close_from(first: u32) {
    // SAFETY: nothing else runs yet, so nobody owns the descriptors that are closed.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::close_range(first, u32::MAX, 0);
    }
    let _ = first;
}

/// Keeps the memory of a large call for the next one: to give it back to the system and fault it in again costs a
/// third of the time of a batch. It counts against a trial's limit, so it is little beside any.
fn keep_memory() {
    // SAFETY: sets numbers of the allocator; nothing else runs yet.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        const KEPT_BYTES: i32 = 16 << 20;
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
        libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT_BYTES / 2);
    }
}

/// How often the socket is looked at anew, should the plugin have closed it: until then the system keeps it open.
const LOOK_MILLISECONDS: i32 = 500;

/// Ends the process with all that it has started when the host is gone, even in the middle of a call.
///
/// Linux's `PR_SET_PDEATHSIG` would do so too early: it fires when the host's thread ends that started the worker.
fn end_with_host(socket: &UnixStream) {
    let mut watched = libc::pollfd { fd: socket.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: one valid entry.
    while unsafe { libc::poll(&raw mut watched, 1, LOOK_MILLISECONDS) } <= 0 {}
    // The plugin has closed it. That reaches the host now that nothing here holds the socket any more.
    if watched.revents & libc::POLLNVAL != 0 {
        loop {
            std::thread::park();
        }
    }
    session::kill_own();
    // A host that hangs up in order has let the worker answer before: there is nothing to wait for.
    // SAFETY: ends the process at once; destructors of a plugin that may hang are what must not run.
    unsafe { libc::_exit(0) }
}

impl Link {
    /// The next frame's verb; its body replaces what `body` held. The frames are free again when it returns.
    fn receive(&self, body: &mut Vec<u8>) -> io::Result<Verb> {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let verb = frames.receive()?;
        body.clear();
        body.extend_from_slice(frames.last_body());
        Ok(verb)
    }

    fn send(&self, verb: Verb, frame: &mut [u8]) -> io::Result<()> {
        send(&*self.out.lock().unwrap_or_else(PoisonError::into_inner), verb, frame)
    }

    /// Asks the host within a call. The lock on the frames keeps question and answer together.
    fn question(&self, verb: Verb, frame: &mut [u8]) -> io::Result<u8> {
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        self.send(verb, frame)?;
        frames.receive()?;
        Ok(frames.last_body().first().copied().unwrap_or_default())
    }
}

/// The host's reporter, asked over the socket. Where the host is gone, the evaluation shall end.
impl Reporter for Link {
    fn report(&self, trial: TrialId, point: &CurvePoint) -> Verdict {
        let report = CurveReport { trial, fidelity: Fidelity::default(), point: point.clone() };
        self.question(Verb::Report, &mut frame_of(&Report::from_model(&report)))
            .map_or(Verdict::Stop, verdict_from_code)
    }

    fn cancelled(&self) -> bool {
        self.question(Verb::Cancelled, &mut new_frame()).map_or(true, |answer| answer != 0)
    }
}

/// Sends events to the host.
struct ToHost;

/// Events above this level are not wanted.
static MAX_LEVEL: AtomicU8 = AtomicU8::new(0);

impl EventWriter for ToHost {
    fn enabled(level: u8) -> bool {
        level <= MAX_LEVEL.load(Ordering::Relaxed)
    }

    fn write(plugin: &str, level: u8, origin: &str, message: &str) {
        let event = LogEvent { plugin: plugin.into(), level, origin: origin.into(), message: message.into() };
        let mut frame = new_frame();
        if let (Some(link), Ok(())) = (LINK.get(), write(&event, &mut frame)) {
            // Without a host there is nobody to read it.
            let _ = link.send(Verb::Log, &mut frame);
        }
    }
}

/// The one component of a worker.
enum Component {
    Strategy(StrategyObject),
    Estimator(EstimatorObject),
    Proxy(ProxyObject),
}

/// Loads the library and makes the component; its info goes into the frame.
fn create(body: &[u8], frame: &mut Vec<u8>) -> Result<Component, ComponentError> {
    let create: Create = read(body)?;
    let failed = |error: heirloom_plugin_abi::LoadError| ComponentError::failed(error.to_string());
    if create.needs_libtorch {
        libtorch::open_all().map_err(|error| ComponentError::failed(error.to_string()))?;
    }
    let library = LoadedLibrary::load(&create.library).map_err(failed)?;
    if library.fingerprint() != create.fingerprint {
        return Err(ComponentError::failed("the library was changed since the host read its record"));
    }
    MAX_LEVEL.store(create.max_level, Ordering::Relaxed);
    library.init(LogSink::new::<ToHost>(&create.plugin)).map_err(failed)?;
    let name = create.name.as_str();
    let written = Written { options: &create.options, subject: &create.subject };
    let services = WorkerServices {
        search_paths: create.search_paths.clone(),
        options: HostOptions {
            threads: create.threads,
            folder: create.folder.clone(),
            ..HostOptions::default()
        },
        host: OnceLock::new(),
    };
    let context = Context::new(Arc::new(services), create.threads, &create.folder);
    let mut info = |info: Result<Vec<u8>, serde_json::Error>| match info {
        Ok(bytes) => {
            frame.extend_from_slice(&bytes);
            Ok(())
        }
        Err(error) => Err(ComponentError::failed(error.to_string())),
    };
    match create.kind {
        Kind::Strategy => {
            library.strategies().map_err(failed)?.create(name, written, &context).map(Component::Strategy)
        }
        Kind::Estimator => {
            let made = library.estimators().map_err(failed)?.create(name, written, &context)?;
            info(serde_json::to_vec(&made.try_info()?))?;
            Ok(Component::Estimator(made))
        }
        Kind::Proxy => {
            let made = library.proxies().map_err(failed)?.create(name, written, &context)?;
            info(serde_json::to_vec(&made.try_info()?))?;
            Ok(Component::Proxy(made))
        }
    }
}

impl Component {
    /// Serves one call; the answer's body goes into the frame.
    fn serve(&mut self, verb: Verb, body: &[u8], frame: &mut Vec<u8>) -> Result<(), ComponentError> {
        match (self, verb) {
            (Self::Strategy(strategy), verb) => serve_strategy(strategy, verb, body, frame)?,
            (Self::Estimator(estimator), Verb::Evaluate) => {
                let link = LINK.get().expect("it is made before the component");
                estimator.evaluate_columns(&Requests::read_all(body)?, link)?.write(frame);
            }
            (Self::Proxy(proxy), Verb::Score) => {
                let (configurations, seed) = Scoring::read_all(body)?.to_model()?;
                let mut scores = vec![0.0; configurations.len()];
                proxy.score(&configurations, seed, &mut scores)?;
                columns::write_scores(&scores, frame);
            }
            (_, verb) => return Err(ComponentError::failed(format!("the component does not know {verb:?}"))),
        }
        Ok(())
    }
}

fn serve_strategy(
    strategy: &mut StrategyObject,
    verb: Verb,
    body: &[u8],
    frame: &mut Vec<u8>,
) -> Result<(), ComponentError> {
    match verb {
        Verb::Ask => {
            strategy.ask_columns(&Ask::read_all(body)?)?.write(frame);
        }
        Verb::Tell => strategy.tell_columns(&Observations::read_all(body)?)?,
        Verb::Judge => verdict_code(strategy.judge(&Report::read_all(body)?.to_model())?).write(frame),
        Verb::Inform => u8::from(strategy.inform(&Knowledge::read_all(body)?.to_model()?)?).write(frame),
        Verb::Recommend => {
            if let Some(trial) = strategy.recommend()? {
                trial.0.write(frame);
            }
        }
        Verb::Save => {
            let state = strategy.save()?;
            frame.push(u8::from(state.is_some()));
            frame.extend(state.unwrap_or_default());
        }
        Verb::Restore => strategy.restore(body)?,
        verb => return Err(ComponentError::failed(format!("a strategy does not know {verb:?}"))),
    }
    Ok(())
}

/// What a component in a worker gets for a host: nested components are loaded into the same worker.
struct WorkerServices {
    search_paths: Vec<PathBuf>,
    options: HostOptions,
    /// Opened when the first nested component is asked for: most components have none.
    host: OnceLock<PluginHost>,
}

impl Components for WorkerServices {
    fn strategy(
        &self,
        name: &str,
        options: &Json,
        problem: &Problem,
    ) -> Result<Box<dyn Strategy>, ComponentError> {
        let host = self.host.get_or_init(|| PluginHost::open(&self.search_paths, self.options.clone()));
        Ok(host.strategy(name, options, Isolation::None, problem)?)
    }
}

impl HostServices for WorkerServices {
    fn cancelled(&self) -> bool {
        false
    }
}
