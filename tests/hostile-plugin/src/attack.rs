//! The attacks.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use heirloom_plugin::PluginOptions;

use crate::frames;

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub(crate) enum Attack {
    /// Nothing.
    None,
    /// Starts processes without end.
    Fork,
    /// Leaves a process behind that has left its parent, its group and its session.
    Daemon,
    /// Runs a program: the target, or where that is empty one of the system's.
    Exec,
    /// Looks for secrets in its environment and in its parent's.
    Environment,
    /// Writes files without end.
    FillDisk,
    /// Writes one file without end.
    LargeFile,
    /// Writes a file without end that has no name any more.
    HiddenFile,
    /// Fills the disk from a thread while no call is under way.
    FillLater,
    /// Takes memory without end.
    Allocate,
    /// Opens files without end.
    OpenFiles,
    /// Opens a connection to the target.
    Connect,
    /// Writes the target.
    Write,
    /// Reads the target.
    Read,
    /// Sends a message to the socket at the target, from one of a pair that it may have.
    Datagram,
    /// Attaches the shared memory that has the target for its number.
    SharedMemory,
    /// Takes away all rights to the target, makes it as old as can be, and gives it to another user.
    Metadata,
    /// Has the system tell it what happens in the target, a folder.
    Watch,
    /// Ends its host, takes its open files away, joins its processes, has a signal sent to it, types into its terminal.
    KillHost,
    /// Computes without end, on two threads.
    Compute,
    /// Prints without end for a second.
    Print,
    /// Closes the socket and lives on.
    CloseSocket,
    /// Sends bytes that are no frames.
    Garbage,
    /// Announces the longest of all frames.
    LongFrame,
    /// Sends a frame a byte at a time.
    SlowFrame,
    /// Sends frames that are in order, without end.
    Chatter,
    /// Answers in the host's name and reads nothing from then on.
    Deaf,
    /// Never answers.
    Silent,
}

impl Attack {
    /// Does it. Returns a number that tells of it, or what stood in the way.
    pub(crate) fn carry_out(self, target: &str) -> Result<Option<f64>, String> {
        let said = |what: &str, error: io::Error| format!("{what}: {error}");
        match self {
            Self::None => Ok(None),
            Self::Fork => loop {
                match fork().map_err(|error| said("fork", error))? {
                    0 => frames::sleep(),
                    _ => continue,
                }
            },
            Self::Daemon => daemon().map(Some).map_err(|error| said("daemon", error)),
            Self::Exec => {
                let program = if target.is_empty() { "/bin/true" } else { target };
                let run = std::process::Command::new(program).status();
                run.map(|status| status.code().map(f64::from)).map_err(|error| said("exec", error))
            }
            Self::Environment => Err(secrets()),
            Self::FillDisk => loop {
                static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
                let name = format!("file-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
                fs::write(scratch().join(name), vec![1; 1 << 16]).map_err(|error| said("write", error))?;
            },
            Self::LargeFile => fill(&scratch().join("large"), false).map_err(|error| said("write", error)),
            Self::HiddenFile => fill(&scratch().join("hidden"), true).map_err(|error| said("write", error)),
            Self::FillLater => {
                std::thread::spawn(|| {
                    std::thread::sleep(Duration::from_millis(50));
                    Self::FillDisk.carry_out("")
                });
                Ok(None)
            }
            Self::Allocate => {
                let mut taken = Vec::new();
                loop {
                    taken.push(vec![1_u8; 1 << 24]);
                    std::hint::black_box(&taken);
                }
            }
            Self::OpenFiles => {
                let mut open = Vec::new();
                loop {
                    match File::open("/dev/null") {
                        Ok(file) => open.push(file),
                        Err(error) => return Err(format!("after {} files: {error}", open.len())),
                    }
                }
            }
            Self::Connect => {
                let mut stream = TcpStream::connect(target).map_err(|error| said("connect", error))?;
                stream.write_all(b"secret").map_err(|error| said("send", error))?;
                Ok(Some(1.0))
            }
            Self::Write => {
                fs::write(target, "owned").map(|()| Some(1.0)).map_err(|error| said("write", error))
            }
            Self::Read => {
                let read = fs::read(target).map_err(|error| said("read", error))?;
                Ok(Some(read.len() as f64))
            }
            Self::Datagram => datagram(target).map(Some).map_err(|error| said("send", error)),
            Self::SharedMemory => {
                let number = target.parse().unwrap_or(-1);
                // SAFETY: the system chooses the place.
                let place = unsafe { libc::shmat(number, std::ptr::null(), 0) };
                if place as isize == -1 {
                    return Err(said("attach", io::Error::last_os_error()));
                }
                Ok(Some(1.0))
            }
            Self::Metadata => Err(metadata(target)),
            Self::Watch => {
                // SAFETY: takes flags, then a text that ends with 0.
                let watched = unsafe {
                    let watch = libc::inotify_init1(libc::IN_CLOEXEC);
                    libc::inotify_add_watch(watch, text(target).as_ptr(), libc::IN_ALL_EVENTS)
                };
                if watched < 0 { Err(said("watch", io::Error::last_os_error())) } else { Ok(Some(1.0)) }
            }
            Self::KillHost => Err(kill_host()),
            Self::Compute => {
                std::thread::spawn(compute);
                compute()
            }
            Self::Print => {
                let start = Instant::now();
                while start.elapsed() < Duration::from_secs(1) {
                    // What does not fit into the pipe is the host's to take away.
                    let _ = io::stderr().write_all(&[b'x'; 1 << 12]);
                }
                Ok(Some(1.0))
            }
            Self::CloseSocket => frames::close(),
            Self::Garbage => frames::garbage(),
            Self::LongFrame => frames::long(),
            Self::SlowFrame => frames::slow(),
            Self::Chatter => frames::chatter(),
            Self::Deaf => frames::deaf(),
            Self::Silent => frames::sleep(),
        }
    }
}

/// Where it may write.
fn scratch() -> std::path::PathBuf {
    std::env::temp_dir()
}

fn fork() -> io::Result<i32> {
    // SAFETY: the child only sleeps or makes calls that need no lock.
    let process = unsafe { libc::fork() };
    if process < 0 { Err(io::Error::last_os_error()) } else { Ok(process) }
}

/// The number of the process that it leaves behind.
fn daemon() -> io::Result<f64> {
    let (mut reader, mut writer) = io::pipe()?;
    if fork()? == 0 {
        // SAFETY: takes nothing; then a second child whose parent ends at once.
        unsafe {
            libc::setsid();
            libc::setpgid(0, 0);
        }
        if fork().is_ok_and(|process| process == 0) {
            let _ = writer.write_all(&std::process::id().to_le_bytes());
            frames::sleep()
        }
        // SAFETY: ends this process alone.
        unsafe { libc::_exit(0) }
    }
    let mut number = [0; 4];
    reader.read_exact(&mut number)?;
    Ok(f64::from(u32::from_le_bytes(number)))
}

/// All names and values that it finds.
fn secrets() -> String {
    let own: Vec<_> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    // SAFETY: takes nothing.
    let parent = unsafe { libc::getppid() };
    let parents = match fs::read_to_string(format!("/proc/{parent}/environ")) {
        Ok(text) => text.replace('\0', " "),
        Err(error) => error.to_string(),
    };
    format!("own: {}; parent's: {parents}", own.join(" "))
}

fn fill(path: &Path, hide: bool) -> io::Result<Option<f64>> {
    let mut file = File::create(path)?;
    if hide {
        fs::remove_file(path)?;
    }
    let block = vec![1; 1 << 20];
    loop {
        file.write_all(&block)?;
    }
}

/// What the system says to a try.
fn outcome(done: i32) -> String {
    if done < 0 { io::Error::last_os_error().to_string() } else { "done".into() }
}

/// What it says to each.
fn kill_host() -> String {
    let nothing = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let none = std::ptr::null_mut();
    // SAFETY: numbers, and a valid limit and letter.
    let tries = unsafe {
        let parent = libc::getppid();
        [
            outcome(libc::kill(parent, libc::SIGTERM)),
            outcome(libc::kill(-1, libc::SIGTERM)),
            outcome(libc::prlimit(parent, libc::RLIMIT_NOFILE, &raw const nothing, none)),
            outcome(libc::setpgid(0, libc::getpgid(parent))),
            outcome(libc::fcntl(libc::STDERR_FILENO, libc::F_SETOWN, parent)),
            outcome(libc::ioctl(libc::STDERR_FILENO, libc::TIOCSTI, c"x".as_ptr())),
        ]
    };
    tries.join("; ")
}

fn text(target: &str) -> CString {
    CString::new(target).unwrap_or_default()
}

fn metadata(target: &str) -> String {
    let target = text(target);
    let never = [libc::timespec { tv_sec: 0, tv_nsec: 0 }; 2];
    // SAFETY: a text that ends with 0, two times, and numbers.
    let tries = unsafe {
        [
            outcome(libc::chmod(target.as_ptr(), 0)),
            outcome(libc::fchmodat(libc::AT_FDCWD, target.as_ptr(), 0, 0)),
            outcome(libc::utimensat(libc::AT_FDCWD, target.as_ptr(), never.as_ptr(), 0)),
            outcome(libc::chown(target.as_ptr(), 1, 1)),
            outcome(libc::setxattr(target.as_ptr(), c"user.x".as_ptr(), c"x".as_ptr().cast(), 1, 0)),
        ]
    };
    tries.join("; ")
}

/// One of a pair can be connected anew.
fn datagram(target: &str) -> io::Result<f64> {
    let (socket, _other) = UnixDatagram::pair()?;
    socket.connect(target)?;
    socket.send(b"secret").map(|n| n as f64)
}

fn compute() -> ! {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(3).wrapping_add(1));
    }
}
