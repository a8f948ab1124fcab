//! `heirloom compare`

use clap::Args;
use heirloom_archive::RunSummary;
use serde_json::json;

use super::runs::short;
use crate::context::{Context, find_run};
use crate::failure::{Exit, Failure, OrFail};
use crate::output::{self, Table};
use crate::past;
use crate::summary::incumbents;

/// Compare runs at the same number of trials
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  heirloom compare cifar100-warm cifar100-cold\n\nShows the first objective \
    of the best trial after 1, 2, 5, 10, … trials; a larger evaluation is always better than a smaller one. The runs must \
    follow the same objective."
)]
pub(crate) struct Compare {
    /// The runs: ids, beginnings or ends of ids, names, or `latest`
    #[arg(required = true, num_args = 2..)]
    runs: Vec<String>,
}

impl Compare {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let archive = context.read_archive()?;
        let runs: Vec<RunSummary> =
            self.runs.iter().map(|text| find_run(&archive, text)).collect::<miette::Result<_>>()?;
        let objective = runs[0].objectives.first().ok_or("the run has no objective").or_fail()?;
        if let Some(other) = runs.iter().find(|run| run.objectives.first() != Some(objective)) {
            return Err(Failure::usage(format!(
                "run `{}` follows another objective than `{}`, {}",
                other.id, runs[0].id, objective.name
            ))
            .into());
        }
        let curves: Vec<Vec<f64>> =
            runs.iter().map(|run| incumbents(&archive, run)).collect::<miette::Result<_>>()?;
        let longest = curves.iter().map(Vec::len).max().unwrap_or(0);
        let at = checkpoints(longest);
        let value = |curve: &[f64], n: usize| {
            curve.get(n - 1).filter(|value| value.is_finite()).map(|&value| objective.direction.turn(value))
        };
        let n_on_own_task: Vec<usize> =
            runs.iter().map(|run| past::n_on_own_task(&archive, run)).collect::<miette::Result<_>>()?;
        if context.json {
            let runs: Vec<_> = runs
                .iter()
                .zip(&curves)
                .zip(&n_on_own_task)
                .map(|((run, curve), n_on_own_task)| {
                    let best: Vec<_> = at.iter().map(|&n| value(curve, n)).collect();
                    json!({
                        "run": run.id.to_string(), "name": run.name, "task": run.task, "best": best,
                        "n_known_on_own_task": n_on_own_task,
                    })
                })
                .collect();
            output::json(&json!({ "objective": objective, "trials": at, "runs": runs }))?;
            return Ok(Exit::Done);
        }
        let names = headers(&runs);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut table = Table::new(&[&["trials"], &names[..]].concat());
        for &n in &at {
            let cells = curves.iter().map(|curve| output::maybe(value(curve, n)));
            table.row(std::iter::once(n.to_string()).chain(cells));
        }
        output::line(&format!("best {} so far", objective.name))?;
        table.print()?;
        if runs.iter().any(|run| run.task != runs[0].task) {
            let tasks: Vec<_> =
                names.iter().zip(&runs).map(|(name, run)| format!("{name} on `{}`", run.task)).collect();
            output::line(&format!(
                "these are runs on different tasks, whose values say nothing beside each other: {}",
                tasks.join(", ")
            ))?;
        }
        for (name, n) in names.iter().zip(n_on_own_task).filter(|(_, n)| *n > 0) {
            output::line(&format!(
                "{name} began with {n} earlier evaluations on its own task: this is not what the archive is worth on a new \
                 one; `heirloom bench` leaves them out"
            ))?;
        }
        Ok(Exit::Done)
    }
}

/// The runs' names, with the end of the id where several have the same.
fn headers(runs: &[RunSummary]) -> Vec<String> {
    let header = |run: &RunSummary| match runs.iter().filter(|other| other.name == run.name).count() {
        1 => run.name.clone(),
        _ => format!("{} {}", run.name, short(run)),
    };
    runs.iter().map(header).collect()
}

/// 1, 2, 5, 10, 20, 50, … up to and including `n`.
pub(crate) fn checkpoints(n: usize) -> Vec<usize> {
    let decades = (0..).map_while(|power| 10usize.checked_pow(power));
    let steps = decades.flat_map(|decade| [1, 2, 5].map(|factor| decade.saturating_mul(factor)));
    let mut at: Vec<_> = steps.take_while(|&step| step < n).collect();
    if n > 0 {
        at.push(n);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_end_at_the_last_trial() {
        assert_eq!(checkpoints(100), [1, 2, 5, 10, 20, 50, 100]);
        assert_eq!(checkpoints(7), [1, 2, 5, 7]);
        assert!(checkpoints(0).is_empty());
        assert_eq!(checkpoints(usize::MAX).last(), Some(&usize::MAX));
    }
}
