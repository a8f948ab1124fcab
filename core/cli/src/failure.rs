//! What went wrong, as a person sees it: what happened, and what to do about it.

use std::fmt::{self, Display};

use heirloom_config::ConfigError;
use miette::{Diagnostic, Report};

/// What a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The work was done.
    Done,
    /// The work failed.
    Failed,
    /// The command line or a file that was given is wrong.
    Usage,
    /// The work was done and found something wrong, such as `doctor`.
    Findings,
    /// A signal ended the work; what a run has done is kept.
    Interrupted,
}

/// The exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0    done
  1    failed: an archive, plugin, file or network was not as needed, or every trial failed
  2    the command line or the run file is wrong
  3    done, and something wrong was found (archive check, archive merge, doctor, plugin check,
       plugin report --replay)
  130  stopped by Ctrl-C, SIGTERM or SIGHUP; what a run has done is kept, and `heirloom resume` goes on";

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Findings => 3,
            // 128 + SIGINT, as shells have it.
            Exit::Interrupted => 130,
        }
    }
}

/// The exit of a command that ended in an error.
pub(crate) fn exit_of(report: &Report) -> Exit {
    let usage = report.downcast_ref::<ConfigError>().is_some()
        || report.downcast_ref::<Failure>().is_some_and(|failure| failure.usage);
    if usage { Exit::Usage } else { Exit::Failed }
}

/// A failure with its remedy.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    remedy: Option<String>,
    usage: bool,
}

impl Failure {
    /// What a library says, its `; hint: …` as the remedy.
    pub(crate) fn new(error: impl Display) -> Self {
        let text = error.to_string();
        match text.split_once("; hint: ") {
            Some((message, remedy)) => {
                Self { message: message.into(), remedy: Some(remedy.into()), usage: false }
            }
            None => Self { message: text, remedy: None, usage: false },
        }
    }

    /// Something is wrong with what was asked for.
    pub(crate) fn usage(error: impl Display) -> Self {
        Self { usage: true, ..Self::new(error) }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.remedy.as_ref().map(|remedy| Box::new(remedy) as Box<dyn Display>)
    }
}

/// Turns a library's error into a [`Failure`].
pub(crate) trait OrFail<T> {
    /// The value, or the failure with its remedy.
    fn or_fail(self) -> miette::Result<T>;
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    fn or_fail(self) -> miette::Result<T> {
        self.map_err(|error| Failure::new(error).into())
    }
}
