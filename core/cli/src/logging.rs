//! Where log lines go: standard error or a file, never standard output.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::context::Context;
use crate::failure::Failure;
use crate::files;

/// Starts logging as the options say, for a command that begins from `run_file`.
pub(crate) fn start(context: &Context, run_file: Option<&Path>) -> miette::Result<()> {
    let from_environment = || std::env::var("HEIRLOOM_LOG").ok();
    let filter = context.log.clone().or_else(from_environment).unwrap_or_else(|| "warn".into());
    let filter = EnvFilter::try_new(&filter)
        .map_err(|error| Failure::usage(format!("`{filter}` is no log filter: {error}; hint: try `info`")))?;
    // A line that cannot be written is lost: to complain of it on standard error, which may be gone, would panic.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_target(false).log_internal_errors(false);
    match &context.log_file {
        None => {
            let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.without_time().with_ansi(coloured).with_writer(std::io::stderr).init();
        }
        Some(path) => {
            files::spare(path, &context.archive_path(None).unwrap_or_default(), run_file)?;
            if is_database(path) {
                let path = path.display();
                let message = format!("`{path}` is an archive; hint: name another file for the log");
                return Err(Failure::usage(message).into());
            }
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|error| {
                Failure::usage(format!("cannot write the log file `{}`: {error}", path.display()))
            })?;
            builder.with_ansi(false).with_writer(Mutex::new(file)).init();
        }
    }
    Ok(())
}

/// Whether a file is one of SQLite's, such as an archive that only the run file names.
fn is_database(path: &Path) -> bool {
    let mut head = [0; 16];
    // To open a pipe would be to wait for it.
    path.is_file()
        && File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && head == *b"SQLite format 3\0"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_known_by_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (archive, log) = (folder.path().join("a"), folder.path().join("log"));
        heirloom_archive::Archive::create(&archive).unwrap();
        std::fs::write(&log, "a line of a log that is long enough\n").unwrap();
        assert!(is_database(&archive));
        assert!(!is_database(&log) && !is_database(&folder.path().join("new")));
    }
}
