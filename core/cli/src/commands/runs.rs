//! `heirloom runs`

use clap::Args;
use heirloom_archive::{RunSummary, names_task};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Exit, OrFail};
use crate::output::{self, Table};

/// List runs, the newest last, after those that were imported
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom runs\n  heirloom runs --task cifar100 --last 20\n  heirloom runs --json"
)]
pub(crate) struct Runs {
    /// Only runs on this task
    #[arg(long)]
    task: Option<String>,

    /// Only the last so many
    #[arg(long, value_name = "N")]
    last: Option<usize>,
}

impl Runs {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let archive = context.read_archive()?;
        let mut runs = archive.runs().or_fail()?;
        runs.retain(|run| self.task.as_ref().is_none_or(|task| names_task(task, &run.task)));
        let dropped = self.last.map_or(0, |last| runs.len().saturating_sub(last));
        runs.drain(..dropped);
        if context.json {
            output::json(&runs.iter().map(to_json).collect::<Vec<_>>())?;
            return Ok(Exit::Done);
        }
        let mut table = Table::new(&["run", "name", "task", "state", "trials", "objective"]);
        for run in &runs {
            let objective =
                run.objectives.first().map(|objective| objective.name.clone()).unwrap_or_default();
            let cells = [short(run), run.name.clone(), run.task.clone(), standing(run)];
            table.row(cells.into_iter().chain([run.n_trials.to_string(), objective]));
        }
        table.print()?;
        Ok(Exit::Done)
    }
}

/// Where a run stands, and whether it is learned from.
fn standing(run: &RunSummary) -> String {
    let withdrawn = if run.withdrawn.is_some() { ", withdrawn" } else { "" };
    format!("{}{withdrawn}", run.state.as_str())
}

/// The end of a run's id: enough to name it.
pub(crate) fn short(run: &RunSummary) -> String {
    let id = run.id.to_string();
    id[id.len().saturating_sub(12)..].to_owned()
}

fn to_json(run: &RunSummary) -> serde_json::Value {
    json!({
        "id": run.id.to_string(),
        "name": run.name,
        "task": run.task,
        "state": run.state,
        "n_trials": run.n_trials,
        "objectives": run.objectives,
        "space": run.space,
        "source": run.source,
        "licence": run.licence,
        "withdrawn": run.withdrawn,
    })
}
