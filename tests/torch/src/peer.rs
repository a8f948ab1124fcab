//! Processes that are told what to do line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A process that answers each line with one.
pub(crate) struct Peer {
    what: String,
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(what: &str, command: &mut Command) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{what} does not start: {error}"))?;
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().ok_or_else(|| format!("{what} has no output"))?);
        Ok(Self { what: what.into(), child, to, from })
    }

    /// Sends a line.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), String> {
        let what = &self.what;
        let to = self.to.as_mut().ok_or_else(|| format!("{what} has no input"))?;
        writeln!(to, "{line}").map_err(|error| format!("{what} takes nothing more: {error}"))
    }

    /// The next line that comes back.
    pub(crate) fn hear(&mut self) -> Result<String, String> {
        let what = &self.what;
        let mut line = String::new();
        let n = self.from.read_line(&mut line).map_err(|error| format!("{what} cannot be read: {error}"))?;
        if n == 0 { Err(format!("{what} ended early; see above")) } else { Ok(line.trim().to_owned()) }
    }

    /// The number that answers a line.
    pub(crate) fn ask(&mut self, line: &str) -> Result<f64, String> {
        self.tell(line)?;
        let answer = self.hear()?;
        answer.parse().map_err(|_| format!("{} answers `{line}` with `{answer}`", self.what))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends when its input does.
        self.to = None;
        let _ = self.child.wait();
    }
}

/// A script of `peers/`, to be run by the Python that has PyTorch.
pub(crate) fn script(name: &str) -> Result<Command, String> {
    let python = std::env::var_os("HEIRLOOM_PEERS_PYTHON").ok_or(
        "`HEIRLOOM_PEERS_PYTHON` names no Python with PyTorch; hint: `cargo xtask figures` makes one",
    )?;
    let mut command = Command::new(python);
    command.arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers").join(name));
    Ok(command)
}
