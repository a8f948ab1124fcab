//! Where log lines go: standard error or a file, never standard output.

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::context::Context;
use crate::failure::Failure;

/// Starts logging as the options say.
pub(crate) fn start(context: &Context) -> miette::Result<()> {
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
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|error| {
                Failure::usage(format!("cannot write the log file `{}`: {error}", path.display()))
            })?;
            builder.with_ansi(false).with_writer(Mutex::new(file)).init();
        }
    }
    Ok(())
}
