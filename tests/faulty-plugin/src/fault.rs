//! The faults, and when they happen.

use heirloom_plugin::{PluginOptions, TrialId};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PluginOptions)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// A panic while the component is made.
    PanicNew,
    /// A panic in `ask`, `evaluate` or `score`.
    Panic,
    /// A panic in `tell`.
    PanicTell,
    /// A panic in `drop`.
    PanicDrop,
    /// A call that does not return.
    Hang,
    /// The process is ended.
    Exit,
    /// An address that is not there is read.
    Segfault,
    /// Memory is taken without end.
    Allocate,
    /// A configuration outside the space; an objective that is not a number.
    BadNumber,
    /// One answer too many or too few.
    BadCount,
}

/// What goes wrong, and at which trial.
#[derive(Debug, Clone, PluginOptions)]
pub(crate) struct Options {
    /// What goes wrong.
    #[option(default = "none")]
    pub(crate) fault: Fault,
    /// The trial at which it does.
    #[option(default = 0)]
    pub(crate) at: u64,
    /// A file whose presence prevents the fault; it is made just before. So the fault happens once.
    pub(crate) once: Option<std::path::PathBuf>,
}

impl Options {
    /// Does what can be done in the middle of any method. Returns the fault that the caller has to do itself.
    pub(crate) fn strike(&self, trial: TrialId) -> Fault {
        if trial.0 != self.at || self.once.as_ref().is_some_and(|file| file.exists()) {
            return Fault::None;
        }
        if let Some(file) = &self.once {
            std::fs::write(file, "").expect("the test gives a file that can be written");
        }
        match self.fault {
            Fault::Panic => panic!("faulty on purpose"),
            Fault::Hang => {
                extern "C" fn torn_down() {
                    std::process::abort();
                }
                // What hangs in LibTorch does not survive that the process exits in order. Nor does this.
                // SAFETY: the function needs nothing, and libraries are never unloaded.
                unsafe { libc::atexit(torn_down) };
                loop {
                    std::thread::park();
                }
            }
            Fault::Exit => std::process::exit(3),
            // SAFETY: none: this is the fault that the test wants.
            Fault::Segfault => unsafe {
                std::ptr::without_provenance_mut::<u8>(8).write_volatile(1);
            },
            Fault::Allocate => {
                let mut taken = Vec::new();
                loop {
                    taken.push(vec![1_u8; 1 << 24]);
                    std::hint::black_box(&taken);
                }
            }
            _ => {}
        }
        self.fault
    }
}
