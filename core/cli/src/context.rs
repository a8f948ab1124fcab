//! What every command is given: the global options, and what they lead to.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use heirloom_archive::{Archive, RunState, RunSummary};
use heirloom_plugin_package::Home;

use crate::failure::{Failure, OrFail};

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Context {
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The archive's file [default: the run file's where a command has one, else $HEIRLOOM_ARCHIVE, else in the user's data folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) archive: Option<PathBuf>,

    /// A further folder in which plugins are looked for, before the others; may be given several times
    #[arg(long = "plugins", global = true, value_name = "FOLDER")]
    pub(crate) plugin_folders: Vec<PathBuf>,

    /// Show no progress bar and only warnings
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// What is logged, such as `debug` or `heirloom_engine=trace` [default: warn, or $HEIRLOOM_LOG]
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// Log to a file instead of standard error
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
}

impl Context {
    /// The archive's file: the command line's, else `preferred` (the run file's), else the user's.
    pub(crate) fn archive_path(&self, preferred: Option<&PathBuf>) -> miette::Result<PathBuf> {
        let from_environment = || set("HEIRLOOM_ARCHIVE").map(PathBuf::from);
        let given = self.archive.clone().or_else(|| preferred.cloned()).or_else(from_environment);
        match given.or_else(|| data_folder().map(|folder| folder.join("archive.heirloom"))) {
            Some(path) => Ok(path),
            None => {
                Err(Failure::usage("there is no place for the archive; hint: give `--archive FILE`").into())
            }
        }
    }

    /// The archive, to read.
    pub(crate) fn read_archive(&self) -> miette::Result<Archive> {
        Archive::open_read_only(&self.archive_path(None)?).or_fail()
    }

    /// The archive to write, made where there is none.
    pub(crate) fn write_archive(&self, preferred: Option<&PathBuf>) -> miette::Result<Archive> {
        let path = self.archive_path(preferred)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::new(format!("cannot make `{}`: {error}", folder.display())))?;
        }
        Archive::open_or_create(&path).or_fail()
    }

    /// The user's folder of installed plugins and keys.
    pub(crate) fn home(&self) -> miette::Result<Home> {
        let folder = data_folder();
        let folder = folder.ok_or_else(|| {
            Failure::usage("there is no place for plugins; hint: set `HEIRLOOM_HOME` to a folder of yours")
        })?;
        Ok(Home::new(&folder))
    }

    /// Whether a progress bar may be drawn (it draws itself on a terminal only).
    pub(crate) fn shows_progress(&self) -> bool {
        !self.json && !self.quiet
    }
}

/// The run that a person means: an id, the beginning or end of one, a name, or `latest`.
pub(crate) fn find_run(archive: &Archive, text: &str) -> miette::Result<RunSummary> {
    if text != "latest" {
        return archive.find_run(text).or_fail();
    }
    let newest = archive.runs().or_fail()?.into_iter().rfind(|run| run.state != RunState::Imported);
    newest.ok_or_else(|| Failure::usage("the archive has no run of this program's yet").into())
}

/// A variable of the environment; an empty one counts as none.
pub(crate) fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Where this user's data lies: `$HEIRLOOM_HOME`, or by the XDG rule.
pub(crate) fn data_folder() -> Option<PathBuf> {
    if let Some(home) = set("HEIRLOOM_HOME") {
        return Some(home.into());
    }
    let xdg = set("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    xdg.or_else(home).map(|folder| folder.join("heirloom"))
}
