//! `heirloom explain`

use std::collections::{BTreeMap, HashMap};

use clap::Args;
use heirloom_archive::{RunHeader, TrialRecord};
use heirloom_model::{Fidelity, Origin, Proposal, WarmStartReport};
use heirloom_warm_start::ProxyBelief;
use serde::Serialize;
use serde_json::json;

use crate::context::{Context, find_run};
use crate::failure::{Exit, OrFail};
use crate::output::{self, Table};
use crate::summary::{first_objective, is_better};
use crate::{beliefs, past};

/// Tell what past tasks contributed to a run, and whether it helped
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  heirloom explain cifar100-warm\n\nA past task's weight before is what \
    meta-features alone said; its weight now is corrected by how well its results rank this run's trials \
    (agreement: Kendall's tau, -1 to 1).\n\nWhat was believed of proxies when the run began: the rank correlation of \
    their promises with the objective, and what they count in a vote that asks the archive.")]
pub(crate) struct Explain {
    /// The run: its id, the beginning or end of it, its name, or `latest`
    run: String,
}

/// What trials of one origin came to.
#[derive(Debug, Default, Serialize)]
struct Share {
    n_trials: usize,
    n_failed: usize,
    /// Mean and best of the first objective, minimised here, turned for people.
    mean: Option<f64>,
    best: Option<f64>,
    /// How often one of these trials became the best so far.
    n_improvements: usize,
    #[serde(skip)]
    values: Vec<f64>,
}

impl Explain {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let archive = context.read_archive()?;
        let found = find_run(&archive, &self.run)?;
        let header = archive.header(found.id).or_fail()?;
        let mut trials = Vec::new();
        archive
            .trials(found.id, &mut |trial| {
                trials.push(trial);
                Ok(())
            })
            .or_fail()?;
        let report = past::report(&archive, found.id)?;
        let beliefs = beliefs::again(&archive, found.id)?;
        let scored = beliefs::scored_run(&archive, found.id, &header)?;
        let here = |belief: &ProxyBelief| scored.agreement(&belief.proxy, belief.direction);
        let shares = shares(&header, &trials)?;
        if context.json {
            let run = found.id.to_string();
            output::json(&json!({
                "run": run, "transferred": shares.transferred, "strategy": shares.own, "by_task": shares.by_task,
                "fidelity": shares.fidelity.as_ref().map(|fidelity| named(&header, fidelity)),
                "report": report, "proxies": beliefs,
            }))?;
        } else {
            print(&header, report.as_ref(), &shares)?;
            print_proxies(&beliefs, &here)?;
        }
        Ok(Exit::Done)
    }
}

/// What a run's trials came to, by where they came from.
#[derive(Debug)]
struct Shares {
    transferred: Share,
    own: Share,
    /// The transferred ones by the past task that spoke loudest.
    by_task: BTreeMap<String, Share>,
    /// The size of the evaluations that `mean` and `best` are of: a smaller one is no measure beside a larger. It is the
    /// largest that both kinds of trials have reached.
    fidelity: Option<Fidelity>,
}

fn shares(header: &RunHeader, trials: &[TrialRecord]) -> miette::Result<Shares> {
    let direction = first_objective(header)?.direction;
    let mut incumbent: Option<&TrialRecord> = None;
    let mut came_from = HashMap::new();
    let mut ended: Vec<_> =
        trials.iter().filter(|trial| trial.result.is_some() && !trial.is_filtered()).collect();
    ended.sort_by_key(|trial| trial.told.unwrap_or(u64::MAX));
    let mut seen = Vec::with_capacity(ended.len());
    for trial in ended {
        let improves = is_better(trial, incumbent);
        if improves {
            incumbent = Some(trial);
        }
        let Proposal { configuration, fidelity, .. } = &trial.proposal;
        let size = fidelity.size();
        let came = match &trial.origin {
            Some(Origin::WarmStart { sources }) => {
                came_from.insert(configuration, (sources.first(), size));
                Some(sources.first())
            }
            // A strategy that goes on with a transferred configuration, at a larger size, owes it to the past task; one
            // that came upon it by itself does not.
            _ => came_from.get(configuration).filter(|(_, before)| size > *before).map(|(source, _)| *source),
        };
        seen.push((trial, improves, came));
    }
    let reached = |transferred: bool| {
        let completed = seen
            .iter()
            .filter(|(trial, _, came)| came.is_some() == transferred && matches!(trial.result, Some(Ok(_))));
        let sizes = completed.map(|(trial, ..)| &trial.proposal.fidelity);
        sizes.fold(Vec::new(), |mut sizes, size| {
            if !sizes.contains(&size) {
                sizes.push(size);
            }
            sizes
        })
    };
    let (by_past, by_strategy) = (reached(true), reached(false));
    let largest = |sizes: &[&Fidelity], others: &[&Fidelity]| {
        let common = sizes.iter().copied().filter(|size| others.is_empty() || others.contains(size));
        common.max_by(|a, b| a.size().total_cmp(&b.size())).cloned()
    };
    let fidelity =
        if by_past.is_empty() { largest(&by_strategy, &[]) } else { largest(&by_past, &by_strategy) };
    let mut shares =
        Shares { transferred: Share::default(), own: Share::default(), by_task: BTreeMap::new(), fidelity };
    for (trial, improves, came) in seen {
        let value = match &trial.result {
            Some(Ok(outcome)) if shares.fidelity.as_ref() == Some(&trial.proposal.fidelity) => {
                outcome.objectives.first().copied()
            }
            _ => None,
        };
        let failed = matches!(trial.result, Some(Err(_)));
        match came {
            Some(source) => {
                shares.transferred.add(value, failed, improves);
                if let Some(source) = source {
                    shares.by_task.entry(source.task.clone()).or_default().add(value, failed, improves);
                }
            }
            None => shares.own.add(value, failed, improves),
        }
    }
    for share in [&mut shares.transferred, &mut shares.own].into_iter().chain(shares.by_task.values_mut()) {
        let n = share.values.len() as f64;
        let smallest = share.values.iter().copied().min_by(f64::total_cmp);
        share.mean = (n > 0.0).then(|| direction.turn(share.values.iter().sum::<f64>() / n));
        share.best = smallest.map(|value| direction.turn(value));
    }
    Ok(shares)
}

/// A size, by the names of its dimensions.
fn named(header: &RunHeader, fidelity: &Fidelity) -> BTreeMap<String, f64> {
    let sizes = header.fidelities.iter().zip(&fidelity.0);
    sizes.map(|(dimension, &size)| (dimension.name.clone(), size)).collect()
}

impl Share {
    fn add(&mut self, value: Option<f64>, failed: bool, improves: bool) {
        self.n_trials += 1;
        self.n_failed += usize::from(failed);
        self.n_improvements += usize::from(improves);
        self.values.extend(value);
    }

    fn cells(&self) -> [String; 4] {
        let [n, better] = [self.n_trials, self.n_improvements].map(|n| n.to_string());
        [n, output::maybe(self.mean), output::maybe(self.best), better]
    }
}

fn print(header: &RunHeader, report: Option<&WarmStartReport>, shares: &Shares) -> miette::Result<()> {
    let Some(report) = report else {
        return output::line("a cold start: no past run gave a trial");
    };
    let objective = &first_objective(header)?.name;
    let mut table = Table::new(&["trials from", "n", &format!("mean {objective}"), "best", "became best"]);
    for (name, share) in [("past tasks", &shares.transferred), ("the strategy", &shares.own)] {
        table.row(std::iter::once(name.to_owned()).chain(share.cells()));
    }
    table.print()?;
    match &shares.fidelity {
        Some(fidelity) if !header.fidelities.is_empty() => {
            let sizes: Vec<_> =
                named(header, fidelity).into_iter().map(|(name, size)| format!("{name} = {size}")).collect();
            let both = [&shares.transferred, &shares.own].iter().all(|share| share.mean.is_some());
            let why = if both { ", the largest that both have reached" } else { "" };
            output::line(&format!("mean and best are of evaluations at {}{why}", sizes.join(", ")))?;
        }
        None if shares.transferred.n_trials + shares.own.n_trials > 0 => {
            output::line("no mean and best: no size of evaluations was completed by both")?;
        }
        _ => {}
    }
    output::line("")?;
    let mut table = Table::new(&[
        "past task",
        "evaluations",
        "weight before",
        "weight now",
        "agreement",
        "gave trials",
        "mean",
        "best",
        "became best",
    ]);
    for task in &report.tasks {
        let weights = [task.prior_weight, task.weight].map(|weight| format!("{:.1} %", weight * 100.0));
        let agreement = task.rank_agreement.map_or_else(|| "–".into(), |tau| format!("{tau:+.2}"));
        let given = shares
            .by_task
            .get(&task.task)
            .map_or_else(|| ["0", "–", "–", "0"].map(String::from), Share::cells);
        let start = [task.task.clone(), task.n_evaluations.to_string()];
        table.row(start.into_iter().chain(weights).chain([agreement]).chain(given));
    }
    table.print()?;
    output::line("")?;
    let share = report.transfer_share * 100.0;
    output::line(&format!("further trials would come from past tasks with a share of {share:.0} %"))?;
    report.notes.iter().try_for_each(|note| output::line(&format!("- {note}")))
}

/// What was believed of each proxy, and how it ranked this run's own trials.
fn print_proxies(
    beliefs: &[ProxyBelief],
    here: &dyn Fn(&ProxyBelief) -> Option<(f64, usize)>,
) -> miette::Result<()> {
    if beliefs.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let mut table = Table::new(&["proxy", "past tasks", "trials", "expected", "error", "weight", "here"]);
    for belief in beliefs {
        let n_trials: usize = belief.record.iter().map(|past| past.n_trials).sum();
        let here = here(belief).map_or_else(|| "–".into(), |(correlation, _)| format!("{correlation:+.2}"));
        table.row([
            belief.proxy.clone(),
            belief.record.len().to_string(),
            n_trials.to_string(),
            format!("{:+.2}", belief.expected),
            format!("{:.2}", belief.error),
            format!("{:+.2}", belief.weight),
            here,
        ]);
    }
    table.print()?;
    if beliefs.iter().all(|belief| belief.record.is_empty()) {
        output::line("the archive knew no past scores of these proxies")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use heirloom_archive::{Task, TrialState};
    use heirloom_model::{
        Configuration, Direction, FidelityDimension, Objective, Outcome, SpaceSpec, TrialId,
    };

    use super::*;

    #[test]
    fn what_a_strategy_comes_upon_by_itself_is_its_own() {
        let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
        let space = SpaceSpec::preset("nas-bench-201").unwrap();
        let mut header = RunHeader::new(Task::default(), space, vec![objective]);
        header.fidelities = vec![FidelityDimension {
            name: "epochs".into(),
            low: 1.0,
            high: 9.0,
            integer: true,
            levels: Vec::new(),
        }];
        let trial = |number: u64, origin: Origin, epochs: f64| TrialRecord {
            id: TrialId(number),
            proposal: Proposal::new(Configuration::new([1.0]), Fidelity(vec![epochs])),
            origin: Some(origin),
            scores: Vec::new(),
            state: TrialState::Completed,
            attempt: 1,
            result: Some(Ok(Outcome::new(vec![0.5], 1.0))),
            wall_seconds: None,
            proposed: number,
            told: Some(number),
        };
        let own = |ask: u64| Origin::Strategy { ask, n: 1 };
        // Transferred small, gone on with, and drawn again at the small size.
        let trials = [
            trial(0, Origin::WarmStart { sources: Vec::new() }, 1.0),
            trial(1, own(0), 9.0),
            trial(2, own(1), 1.0),
        ];
        let Shares { transferred, own, fidelity, .. } = shares(&header, &trials).unwrap();
        assert_eq!((transferred.n_trials, own.n_trials), (2, 1));
        // Compared at the size that both have reached: the strategy has none of the full size of its own.
        assert_eq!(fidelity, Some(Fidelity(vec![1.0])));
        assert_eq!((transferred.mean, own.mean), (Some(0.5), Some(0.5)));
        let alone = shares(&header, &trials[..2]).unwrap();
        assert_eq!((alone.fidelity, alone.own.mean), (Some(Fidelity(vec![9.0])), None));
    }
}
