//! `heirloom plugin report`

use std::path::{Path, PathBuf};

use clap::Args;
use heirloom_plugin_host::{CrashReport, Ended, remembered};
use serde_json::json;

use crate::catalogue::{Plugins, crash_folder};
use crate::context::Context;
use crate::failure::{Exit, Failure, OrFail};
use crate::output;

#[derive(Debug, Args)]
#[command(
    after_help = "A report holds the component's options and what it printed; the replay file beside it also holds \
    what the strategy was told, or the configuration that was evaluated. Send both to the plugin's author.\n\n\
    Examples:\n  heirloom plugin report\n  heirloom plugin report my-plugin\n  \
    heirloom plugin report crash-3.json --replay --plugins target/debug\n\n\
    With --replay the exit code is 3 where the plugin dies again. Plugins are looked for as for a run file in this \
    folder; what an evaluation keeps of its trial goes into a folder that ends with the replay."
)]
pub(super) struct Report {
    /// A plugin's id, perhaps with its version as `plugin quarantine` lists it, or a report's file [default: all]
    plugin: Option<String>,

    /// Make the calls of the newest report again, with the plugin as it is now
    #[arg(long)]
    replay: bool,
}

impl Report {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let reports = self.reports()?;
        if self.replay {
            let newest = reports.last().ok_or_else(|| Failure::usage("there is no report to repeat"))?;
            return replay(newest, context);
        }
        if context.json {
            let all: Vec<_> =
                reports.iter().map(|(file, report)| json!({ "file": file, "report": report })).collect();
            output::json(&all)?;
            return Ok(Exit::Done);
        }
        if reports.is_empty() {
            output::line("there is no report of a crash")?;
        }
        for (file, report) in &reports {
            show(file, report)?;
        }
        Ok(Exit::Done)
    }

    /// The reports that are meant, the oldest first.
    fn reports(&self) -> miette::Result<Vec<(PathBuf, CrashReport)>> {
        let file = self.plugin.as_deref().map(PathBuf::from).filter(|path| path.is_file());
        if let Some(file) = file {
            let report = read(&file)?;
            return Ok(vec![(file, report)]);
        }
        let known = crash_folder().map(|folder| remembered(&folder)).unwrap_or_default();
        let mut reports = Vec::new();
        for known in &known {
            for file in &known.reports {
                match read(file) {
                    Ok(report) if self.means(&known.plugin, &report) => reports.push((file.clone(), report)),
                    Ok(_) => {}
                    // One that cannot be read does not hide the others.
                    Err(error) => tracing::warn!("{error}"),
                }
            }
        }
        if let Some(plugin) = &self.plugin
            && reports.is_empty()
        {
            let names: Vec<_> = known.iter().map(|known| known.plugin.as_str()).collect();
            let remedy = heirloom_model::suggest::remedy(plugin, "there are reports of", &names);
            return Err(Failure::usage(format!("there is no report of `{plugin}`; hint: {remedy}")).into());
        }
        // Those of one second stay in the order of their numbers.
        reports.sort_by_key(|(_, report)| report.time);
        Ok(reports)
    }

    /// Whether a report is wanted that is kept under `name`.
    fn means(&self, name: &str, report: &CrashReport) -> bool {
        let is_of = |wanted: &String| {
            name == wanted || report.plugin == *wanted || report.nested.contains_key(wanted)
        };
        self.plugin.as_ref().is_none_or(is_of)
    }
}

fn read(file: &Path) -> miette::Result<CrashReport> {
    CrashReport::read(file).map_err(|error| {
        let hint = "`heirloom plugin report` lists those there are";
        Failure::new(format!("`{}` is no report of a crash: {error}; hint: {hint}", file.display())).into()
    })
}

fn show(file: &Path, report: &CrashReport) -> miette::Result<()> {
    let CrashReport { plugin, version, kind, component, method, message, .. } = report;
    output::line(&format!("{}", file.display()))?;
    output::line(&format!("  plugin    {plugin} {version}, built {}, under {}", report.built, report.host))?;
    output::line(&format!("  component {kind} `{component}` {}", report.options))?;
    for (plugin, version) in &report.nested {
        output::line(&format!("  with      {plugin} {version}, in the same process"))?;
    }
    let trials: Vec<_> = report.trials.iter().map(ToString::to_string).collect();
    let about = if trials.is_empty() { String::new() } else { format!(" for trials {}", trials.join(", ")) };
    let seed = report.seed.as_ref().map(|seed| format!(", seed {seed}")).unwrap_or_default();
    output::line(&format!("  method    {method}{about}{seed}"))?;
    output::line(&format!("  end       {message}"))?;
    for line in report.printed.lines() {
        output::line(&format!("            {line}"))?;
    }
    match &report.replay {
        Some(name) => output::line(&format!("  replay    {}", file.with_file_name(name).display())),
        None => output::line("  replay    too long to be kept"),
    }
}

fn replay((file, report): &(PathBuf, CrashReport), context: &Context) -> miette::Result<Exit> {
    let Some(name) = &report.replay else {
        return Err(Failure::new(format!("`{}` has no replay file", file.display())).into());
    };
    // A lock in this folder counts, as for a run file here.
    let plugins = Plugins::open(context, Some(Path::new(".")))?;
    let ended = plugins.host().replay(&file.with_file_name(name)).or_fail()?;
    if context.json {
        output::json(&ended)?;
    } else {
        match &ended {
            Ended::Answered { calls } => output::line(&format!("all {calls} calls were answered"))?,
            Ended::Error { call, message } => output::line(&format!("call {call} was an error: {message}"))?,
            Ended::Failed { call, kind, message } => {
                output::line(&format!("in call {call} its trial failed as {kind}: {message}"))?;
            }
            Ended::Died { call, message, printed } => {
                output::line(&format!("in call {call} {message}"))?;
                printed.lines().try_for_each(|line| output::line(&format!("  {line}")))?;
            }
        }
    }
    Ok(if matches!(ended, Ended::Died { .. }) { Exit::Findings } else { Exit::Done })
}
