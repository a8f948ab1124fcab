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
    With --replay the exit code is 3 where the plugin dies again."
)]
pub(super) struct Report {
    /// A plugin's id, or a report's file [default: all]
    plugin: Option<String>,

    /// Make the calls of the newest report again, with the plugin as it is now
    #[arg(long)]
    replay: bool,
}

impl Report {
    pub(super) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let files = self.files()?;
        if self.replay {
            let newest = files.last().ok_or_else(|| Failure::usage("there is no report to repeat"))?;
            return replay(newest, context);
        }
        let is_none = files.is_empty();
        let mut reports: Vec<(PathBuf, CrashReport)> = Vec::new();
        for file in files {
            match read(&file) {
                Ok(report) => reports.push((file, report)),
                // One that cannot be read does not hide the others.
                Err(error) if self.plugin.as_deref() != file.to_str() => tracing::warn!("{error}"),
                Err(error) => return Err(error),
            }
        }
        if context.json {
            let all: Vec<_> =
                reports.iter().map(|(file, report)| json!({ "file": file, "report": report })).collect();
            output::json(&all)?;
            return Ok(Exit::Done);
        }
        if is_none {
            output::line("no plugin has crashed")?;
        }
        for (file, report) in &reports {
            show(file, report)?;
        }
        Ok(Exit::Done)
    }

    fn files(&self) -> miette::Result<Vec<PathBuf>> {
        let Some(folder) = crash_folder() else { return Ok(Vec::new()) };
        let known = remembered(&folder);
        let Some(plugin) = &self.plugin else {
            return Ok(known.into_iter().flat_map(|known| known.reports).collect());
        };
        if Path::new(plugin).is_file() {
            return Ok(vec![plugin.into()]);
        }
        let of_plugin = |known: &&heirloom_plugin_host::Remembered| {
            known.plugin == *plugin
                || known.plugin.rsplit_once('-').is_some_and(|(id, _)| id == plugin)
                || known.plugin.starts_with(&format!("{plugin}-"))
        };
        let found: Vec<_> = known.iter().filter(of_plugin).flat_map(|known| known.reports.clone()).collect();
        if found.is_empty() {
            let names: Vec<_> = known.iter().map(|known| known.plugin.as_str()).collect();
            let remedy = heirloom_model::suggest::remedy(plugin, "there are reports of", &names);
            return Err(Failure::usage(format!("there is no report of `{plugin}`; hint: {remedy}")).into());
        }
        Ok(found)
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

fn replay(file: &Path, context: &Context) -> miette::Result<Exit> {
    let report = read(file)?;
    let Some(name) = &report.replay else {
        return Err(Failure::new(format!("`{}` has no replay file", file.display())).into());
    };
    let ended = Plugins::open(context, None)?.host().replay(&file.with_file_name(name)).or_fail()?;
    if context.json {
        output::json(&ended)?;
    } else {
        match &ended {
            Ended::Answered { calls } => output::line(&format!("all {calls} calls were answered"))?,
            Ended::Error { call, message } => output::line(&format!("call {call} was an error: {message}"))?,
            Ended::Died { call, message, printed } => {
                output::line(&format!("in call {call} {message}"))?;
                printed.lines().try_for_each(|line| output::line(&format!("  {line}")))?;
            }
        }
    }
    Ok(if matches!(ended, Ended::Died { .. }) { Exit::Findings } else { Exit::Done })
}
