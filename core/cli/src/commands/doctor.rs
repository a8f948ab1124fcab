//! `heirloom doctor`

use std::path::Path;
use std::process::Command;

use clap::Args;
use heirloom_archive::Archive;
use heirloom_plugin_host::Kind;
use serde::Serialize;

use crate::catalogue::Plugins;
use crate::context::Context;
use crate::failure::Exit;
use crate::output;

/// Check that everything that a search needs is in place (exit code 3 where something is not)
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  heirloom doctor\n  heirloom doctor --archive lab.heirloom --json")]
pub(crate) struct Doctor {}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    says: String,
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Fine,
    /// Something works without it, something else does not.
    Lacking,
    Wrong,
}

impl Finding {
    fn new(what: &'static str, state: State, says: impl Into<String>) -> Self {
        Self { what, state, says: says.into(), remedy: None }
    }

    fn hint(self, remedy: &str) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl Doctor {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let version = Finding::new("heirloom", State::Fine, concat!("version ", env!("CARGO_PKG_VERSION")));
        let mut findings = vec![version, archive(context)];
        findings.extend(plugins(context)?);
        findings.push(libtorch());
        findings.push(program("python3", "python3", &["--version"]));
        findings.push(program("pip", "python3", &["-m", "pip", "--version"]));
        if context.json {
            output::json(&findings)?;
        } else {
            for finding in &findings {
                let sign = match finding.state {
                    State::Fine => "ok    ",
                    State::Lacking => "lacks ",
                    State::Wrong => "WRONG ",
                };
                output::line(&format!("{sign} {:<10} {}", finding.what, finding.says))?;
                if let Some(remedy) = &finding.remedy {
                    output::line(&format!("       {:<10} hint: {remedy}", ""))?;
                }
            }
        }
        let wrong = findings.iter().any(|finding| finding.state == State::Wrong);
        Ok(if wrong { Exit::Findings } else { Exit::Done })
    }
}

fn archive(context: &Context) -> Finding {
    let path = match context.archive_path(None) {
        Ok(path) => path,
        Err(error) => return Finding::new("archive", State::Wrong, error.to_string()),
    };
    if !path.exists() {
        let folder = path.ancestors().skip(1).find(|folder| folder.exists()).unwrap_or(Path::new("."));
        return match tempfile::tempfile_in(folder) {
            Ok(_) => Finding::new(
                "archive",
                State::Fine,
                format!("{} will be made by the first search", path.display()),
            ),
            Err(error) => {
                let says = format!("`{}` cannot be written: {error}", folder.display());
                Finding::new("archive", State::Wrong, says).hint("choose another place with `--archive FILE`")
            }
        };
    }
    match Archive::open(&path).and_then(|archive| archive.stats()) {
        Ok(stats) => {
            let n_runs: u64 = stats.n_runs.values().sum();
            Finding::new("archive", State::Fine, format!("{}: {n_runs} runs, writable", path.display()))
        }
        Err(error) => Finding::new("archive", State::Wrong, error.to_string()),
    }
}

fn plugins(context: &Context) -> miette::Result<Vec<Finding>> {
    let plugins = Plugins::open(context, None)?;
    let host = plugins.host();
    let mut findings = Vec::new();
    for (kind, what) in
        [(Kind::Strategy, "strategies"), (Kind::Estimator, "estimators"), (Kind::Proxy, "proxies")]
    {
        let names = host.names(kind);
        findings.push(match names.is_empty() {
            false => Finding::new(what, State::Fine, names.join(", ")),
            true => {
                let state = if kind == Kind::Proxy { State::Lacking } else { State::Wrong };
                Finding::new(what, state, "none found")
                    .hint("set $HEIRLOOM_PLUGINS, or give `--plugins FOLDER`")
            }
        });
    }
    findings.extend(
        host.problems().iter().map(|problem| Finding::new("plugin", State::Wrong, problem.to_string())),
    );
    Ok(findings)
}

fn libtorch() -> Finding {
    let (libtorch, place) = match heirloom_libtorch::find() {
        Ok(found) => found,
        Err(error) => {
            let says =
                format!("no networks are trained without LibTorch {}: {error}", heirloom_libtorch::VERSION);
            return Finding::new("libtorch", State::Lacking, says).hint(&heirloom_libtorch::hint());
        }
    };
    let found = format!("version {} {place} (`{}`)", libtorch.version(), libtorch.folder().display());
    let gpus = gpus();
    match (gpus.is_empty(), libtorch.has_cuda()) {
        (true, _) => Finding::new("libtorch", State::Fine, format!("{found}; on the CPU, no GPU is seen")),
        (false, true) => Finding::new("libtorch", State::Fine, format!("{found}; on {}", gpus.join(", "))),
        (false, false) => {
            let says = format!("{found}; on the CPU although there is {}", gpus.join(", "));
            Finding::new("libtorch", State::Lacking, says).hint(
                "`cargo xtask libtorch --cuda` in Heirloom's sources installs what LibTorch needs for it",
            )
        }
    }
}

/// The names of the GPUs that NVIDIA's driver sees.
fn gpus() -> Vec<String> {
    let mut driver = Command::new("nvidia-smi");
    match driver.args(["--query-gpu=name", "--format=csv,noheader"]).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

fn program(what: &'static str, program: &str, arguments: &[&str]) -> Finding {
    let hint = "`heirloom data get` needs it; searches do not";
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => {
            Finding::new(what, State::Fine, String::from_utf8_lossy(&output.stdout).trim())
        }
        Ok(output) => {
            Finding::new(what, State::Lacking, String::from_utf8_lossy(&output.stderr).trim()).hint(hint)
        }
        Err(error) => Finding::new(what, State::Lacking, error.to_string()).hint(hint),
    }
}
