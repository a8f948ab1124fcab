//! `heirloom plugin check`

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::Args;
use heirloom_plugin_check::{
    FuzzReport, PluginReport, Replay, Selection, Setting, Status, Target, TaskResult, check_plugin, do_job,
    fuzz_plugin, serve_jobs,
};
use heirloom_plugin_host::{HostOptions, PluginHost};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output::{self, Table};

/// How a plugin is checked beside its library, where it is not said on the command line.
const SETTING: &str = "check.toml";

/// Check a plugin's library: every check in a process of its own
#[derive(Debug, Args)]
pub(super) struct Check {
    /// A built library, a folder with some, or a plugin's source folder after it was built
    #[arg(value_name = "LIB|DIR")]
    path: PathBuf,

    /// Check one component alone
    #[arg(long, value_name = "NAME")]
    component: Option<String>,

    /// Make one check alone, such as `strategy/in-bounds` or `in-bounds`
    #[arg(long, value_name = "CHECK")]
    only: Option<String>,

    /// The space and the options with which components are checked [default: check.toml in the folder]
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,

    /// Draw all inputs of the checks from this number instead of 1; or play a replay file of --fuzz
    #[arg(long, value_name = "SEED|FILE")]
    reproduce: Option<String>,

    /// Play random sequences of asks and tells until one fails, and write the shortest one like it to a replay file
    #[arg(long, conflicts_with = "only")]
    fuzz: bool,

    /// How long each strategy is fuzzed
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, requires = "fuzz")]
    seconds: f64,

    /// Seconds after which a check that has not ended is ended [default: 20, for a plugin in Python 120]
    #[arg(long, value_name = "SECONDS")]
    limit: Option<f64>,

    /// Make checks of the library, as standard input says: the program starts itself with this
    #[arg(long, hide = true)]
    serve: bool,

    /// Do what a file says: the program starts itself with this for a check that needs a fresh process
    #[arg(long, hide = true)]
    job: bool,
}

/// Shown by `--help`.
pub(super) const EXAMPLES: &str = "Examples:
  heirloom plugin check target/debug/libmy_strategy.so
  heirloom plugin check . --component my-strategy --only in-bounds
  heirloom plugin check . --json > report.json
  heirloom plugin check . --fuzz --seconds 60
  heirloom plugin check . --reproduce heirloom-replay-my-strategy-17.json

A library that is checked is run: check what you would run.
Exit code 3: a check failed.";

impl Check {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        if self.job || self.serve {
            let done = if self.job { do_job(&self.path) } else { serve_jobs(&self.path, &starter("--job")?) };
            return done.or_fail().map(|()| Exit::Done);
        }
        let start = Instant::now();
        let setting = self.setting()?;
        let again = Again::read(self.reproduce.as_deref());
        let target = |path: &PathBuf| Target {
            others: context.plugin_folders.clone(),
            setting: setting.clone(),
            seed: again.seed(),
            ..Target::new(path)
        };
        let targets: Vec<_> = plugins(&self.path)?.iter().map(target).collect();
        if let Again::File(file) = &again {
            return play(&targets, file, context);
        }
        if self.fuzz {
            return self.fuzz(&targets, context);
        }
        let mut reports = Vec::new();
        for target in &targets {
            reports.push(self.check(target)?);
        }
        let seconds = start.elapsed().as_secs_f64();
        if context.json {
            output::json(&json!({ "plugins": reports, "summary": summary(&reports), "seconds": seconds }))?;
        } else {
            for report in &reports {
                self.print(report)?;
            }
            let summary = summary(&reports);
            let part = |name: &str| format!("{} {name}", summary[name]);
            let parts = ["success", "failed", "crashed", "skipped"].map(part).join(", ");
            output::line(&format!("{parts}, in {seconds:.1} s"))?;
        }
        let fails = reports.iter().any(|report| report.failures().next().is_some());
        Ok(if fails { Exit::Findings } else { Exit::Done })
    }

    fn setting(&self) -> miette::Result<Setting> {
        let beside = Some(self.path.join(SETTING)).filter(|path| path.is_file());
        match self.with.clone().or(beside) {
            Some(path) => Setting::read(&path).map_err(|error| Failure::usage(error).into()),
            None => Ok(Setting::default()),
        }
    }

    fn check(&self, target: &Target) -> miette::Result<PluginReport> {
        let selection = Selection { component: self.component.clone(), only: self.only.clone() };
        let checked = check_plugin(target, &selection, self.limit, n_at_once(), &starter("--serve")?);
        checked.map_err(|error| Failure::usage(error).into())
    }

    fn fuzz(&self, targets: &[Target], context: &Context) -> miette::Result<Exit> {
        let mut found = Vec::new();
        let start = starter("--serve")?;
        for target in targets {
            let reports = fuzz_plugin(target, self.component.as_deref(), self.seconds, n_at_once(), &start);
            for report in reports.map_err(Failure::usage)? {
                let file = report.failing.as_ref().map(write_replay).transpose()?;
                if !context.json {
                    print_fuzzed(&report, file.as_deref(), target)?;
                }
                found.push(json!({ "path": target.path, "report": report, "replay_file": file }));
            }
        }
        if context.json {
            output::json(&found)?;
        }
        let fails = found.iter().any(|found| !found["replay_file"].is_null());
        Ok(if fails { Exit::Findings } else { Exit::Done })
    }

    fn print(&self, report: &PluginReport) -> miette::Result<()> {
        let name = format!("{} {}", report.plugin, report.version);
        output::line(&format!("{} ({})\n", name.trim(), report.path.display()))?;
        let mut table = Table::new(&["component", "check", "result", "ms", "because"]);
        for result in &report.results {
            let because = match &result.status {
                Status::Skipped(why) => why.clone(),
                _ => String::new(),
            };
            table.row([
                component(result),
                result.task.check.clone(),
                result.status.name().into(),
                format!("{:.0}", result.seconds * 1e3),
                because,
            ]);
        }
        table.print()?;
        output::line("")?;
        for failure in report.failures() {
            let TaskResult { task, status, demand, .. } = failure;
            output::line(&format!("{} {} {}", status.name(), component(failure), task.check))?;
            output::line(&format!("  found     {}", status.message()))?;
            output::line(&format!("  demanded  {demand}"))?;
            let one = task.component.as_ref().map(|c| format!(" --component {}", c.name)).unwrap_or_default();
            output::line(&format!(
                "  again     heirloom plugin check {}{one} --only {} --reproduce {}\n",
                report.path.display(),
                task.check,
                report.seed
            ))?;
        }
        Ok(())
    }
}

/// What `--reproduce` names.
enum Again {
    Seed(u64),
    File(PathBuf),
}

impl Again {
    fn read(text: Option<&str>) -> Self {
        match text.map(|text| (text, text.parse())) {
            None => Self::Seed(1),
            Some((_, Ok(seed))) => Self::Seed(seed),
            Some((file, Err(_))) => Self::File(file.into()),
        }
    }

    fn seed(&self) -> u64 {
        match self {
            Self::Seed(seed) => *seed,
            Self::File(_) => 1,
        }
    }
}

fn n_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Starts this program once more, to work on what is at a path.
fn starter(work: &'static str) -> miette::Result<impl Fn(&Path) -> Command + Sync> {
    let program = std::env::current_exe().or_fail()?;
    Ok(move |path: &Path| {
        let mut command = Command::new(&program);
        command.args(["plugin", "check", work]).arg(path);
        command
    })
}

/// Writes a failing sequence into the current folder; the file.
fn write_replay(replay: &Replay) -> miette::Result<PathBuf> {
    let path = PathBuf::from(format!("heirloom-replay-{}-{}.json", replay.component, replay.seed));
    replay.write(&path).or_fail()?;
    Ok(path)
}

fn print_fuzzed(report: &FuzzReport, file: Option<&Path>, target: &Target) -> miette::Result<()> {
    let FuzzReport { component, n_played, n_calls_drawn, failing } = report;
    let (Some(replay), Some(file)) = (failing, file) else {
        return output::line(&format!("{component}: {n_played} sequences, none failed"));
    };
    output::line(&format!("{component}: sequence {} of {n_played} failed", replay.seed))?;
    output::line(&format!("  found     {}", replay.found))?;
    output::line(&format!("  calls     {} of {n_calls_drawn} are enough:", replay.calls.len()))?;
    for call in &replay.calls {
        output::line(&format!("            {call:?}"))?;
    }
    output::line(&format!("  replay    {}", file.display()))?;
    output::line(&format!(
        "  again     heirloom plugin check {} --reproduce {}",
        target.path.display(),
        file.display()
    ))
}

/// Plays a replay file on the plugin that has its strategy.
fn play(targets: &[Target], file: &Path, context: &Context) -> miette::Result<Exit> {
    let start = starter("--serve")?;
    let [target] = targets else {
        let message = "a replay file is of one plugin; hint: name its library";
        return Err(Failure::usage(message).into());
    };
    let (replay, status) = heirloom_plugin_check::replay(target, file, &start).map_err(Failure::usage)?;
    if context.json {
        output::json(&json!({ "replay": replay, "result": status }))?;
    } else {
        let n = replay.calls.len();
        output::line(&format!(
            "{} calls of {}: {} {}",
            n,
            replay.component,
            status.name(),
            status.message()
        ))?;
        if !status.is_failure() {
            output::line(&format!("it was written with: {}", replay.found))?;
        }
    }
    Ok(if status.is_failure() { Exit::Findings } else { Exit::Done })
}

/// What a result is about.
fn component(result: &TaskResult) -> String {
    result.task.component.as_ref().map_or_else(|| "–".into(), |component| component.name.clone())
}

/// How many checks ended in which way.
fn summary(reports: &[PluginReport]) -> serde_json::Value {
    let count = |name: &str| {
        let results = reports.iter().flat_map(|report| &report.results);
        results.filter(|result| result.status.name() == name).count()
    };
    json!({
        "success": count("success"),
        "failed": count("failed"),
        "crashed": count("crashed"),
        "skipped": count("skipped"),
    })
}

/// The plugins at a path: the library itself, those of a folder, or what was built of a source folder.
pub(super) fn plugins(path: &Path) -> miette::Result<Vec<PathBuf>> {
    if path.join("Cargo.toml").is_file() {
        return built(path).map(|library| vec![library]);
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let folder = [path.to_owned()];
    let host = PluginHost::open(&folder, HostOptions::default());
    let found: Vec<_> = host.plugins().iter().map(|plugin| plugin.path().to_owned()).collect();
    if !found.is_empty() {
        for problem in host.problems() {
            tracing::warn!("{problem}");
        }
        return Ok(found);
    }
    if !host.problems().is_empty() {
        let problems: Vec<_> = host.problems().iter().map(ToString::to_string).collect();
        return Err(Failure::usage(problems.join("\n")).into());
    }
    let message = format!("there is no plugin in `{}`; hint: build it, or name its library", path.display());
    Err(Failure::usage(message).into())
}

/// The newest library that was built of the crate in `folder`.
fn built(folder: &Path) -> miette::Result<PathBuf> {
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).or_fail()?;
    let wrong = |problem: String| Failure::usage(format!("`{}`: {problem}", manifest.display()));
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
    let name = |section: &str| Some(table.get(section)?.get("name")?.as_str()?.replace('-', "_"));
    let Some(name) = name("lib").or_else(|| name("package")) else {
        return Err(wrong("it names no package".into()).into());
    };
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let absolute = std::path::absolute(folder).or_fail()?;
    let own = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    // A member of a workspace is built into the workspace's folder.
    let targets = own.into_iter().chain(absolute.ancestors().map(|folder| folder.join("target")));
    let candidates =
        targets.flat_map(|target| ["debug", "release"].map(|profile| target.join(profile).join(&file)));
    let age = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    let newest = candidates.filter(|path| path.is_file()).max_by_key(age);
    newest.ok_or_else(|| {
        let message =
            format!("`{file}` was not built in `{}`; hint: run `cargo build` there first", folder.display());
        Failure::usage(message).into()
    })
}
