//! `heirloom completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::Exit;
use crate::output;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  heirloom completions bash > ~/.local/share/bash-completion/completions/heirloom"
)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> miette::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "heirloom", &mut script);
        output::line(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Exit::Done)
    }
}
