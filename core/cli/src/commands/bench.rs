//! `heirloom bench`

use std::path::PathBuf;

use clap::Args;
use heirloom_archive::Archive;
use heirloom_config::{Catalogue, ComponentConfig, ComponentKind, RunConfig, RunFile, WarmStartMode};
use heirloom_engine::StopSignal;
use heirloom_warm_start::Knowledge;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::compare::checkpoints;
use crate::bench::{EqualCost, Incumbents, Line, Plan, SeenMetric, mean_and_error};
use crate::catalogue::Plugins;
use crate::context::Context;
use crate::described::Described;
use crate::failure::{Exit, Failure, OrFail};
use crate::files::{self, Passing};
use crate::job::Job;
use crate::output::{self, Table};
use crate::{beliefs, interrupt, past, plot};

/// The most seeds, and the most trials of each: all their incumbents are held in memory.
const MOST: u64 = 1_000_000;

/// Repeat a search, on a recorded table or with real trainings, over seeds and strategies, cold and warm
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom bench run.toml --seeds 100\n  heirloom bench run.toml --seeds 50 \
    --strategy random --strategy evolution --plot curves.svg\n\nEvery strategy starts cold, and warm where the run \
    file allows it and the archive knows other tasks; past runs on the run file's own task are never used. Cold and \
    warm runs share their seeds. A trial may be a small evaluation in one and a full one in another: the second table has \
    them at the same cost, up to that of the cheapest run. Nothing is written to the archive, and Ctrl-C stops at once."
)]
pub(crate) struct Bench {
    /// The run file; its budget must be in trials
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,

    /// How many seeds, counted from the run file's
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=MOST))]
    seeds: u64,

    /// A strategy, with its default options unless it is the run file's; may be given several times
    #[arg(long = "strategy", value_name = "NAME")]
    strategies: Vec<String>,

    /// The budget in trials, in place of the file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST))]
    trials: Option<u64>,

    /// Report this metric of the incumbent instead of the objective
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,

    /// Trials after which the incumbent is reported, separated by commas [default: 1,2,5,10,…]
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    at: Vec<usize>,

    /// Only the cold start
    #[arg(long)]
    cold: bool,

    /// Draw the curves into this SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

impl Bench {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let file = RunFile::read(&self.file)?;
        let plugins = Plugins::open(context, self.file.parent())?;
        let mut config = file.check(&plugins)?;
        config.budget.trials = self.trials.or(config.budget.trials);
        if let Some(plot) = &self.plot {
            files::spare(plot, &context.archive_path(config.archive.as_ref())?, Some(&self.file))?;
        }
        let Some(n_trials) = config.budget.trials else {
            return Err(file
                .mistake("budget", "`bench` needs a budget in trials; hint: add `trials = …`")
                .into());
        };
        let Some(n_trials) = usize::try_from(n_trials).ok().filter(|_| n_trials <= MOST) else {
            let message =
                format!("`bench` makes at most {MOST} trials a run; hint: give fewer with `--trials`");
            return Err(file.mistake("budget.trials", &message).into());
        };
        if self.cold {
            config.ignore_past();
        }
        config.warm_start.exclude_tasks.extend(past::own_names(&config));
        let job = Job::prepare(&config, &plugins).map_err(|blame| blame.in_file(&file))?;
        if !job.info.simulated_cost {
            tracing::warn!(
                "this estimator's cost is real: every one of the trials is evaluated, in one search after another"
            );
        }
        let strategies = self.strategies(&config, &plugins)?;
        let filters = job.filters().map_err(|blame| blame.in_file(&file))?;
        let (mut knowledge, mut beliefs) = (None, Vec::new());
        if let Some(archive) = archive(&config, context)? {
            let described = Described::new(&job, &archive, context)?;
            knowledge = past::knowledge(&archive, &job, &described)?;
            beliefs = beliefs::of_job(&archive, &job, &filters, &described)?;
        }
        beliefs::warn(&job, &beliefs);
        let plan = Plan {
            job: &job,
            filters,
            cold_vote: job.vote(&[]),
            warm_vote: job.vote(&beliefs),
            n_seeds: self.seeds,
            first_seed: config.seed,
            checkpoints: self.checkpoints(n_trials)?,
            metric: self.metric.clone(),
            files: Passing::new()?,
            stop: StopSignal::default(),
            seen: SeenMetric::default(),
        };
        interrupt::watch_to_cancel(&plan.stop)?;
        let lines = self.lines(&plan, &strategies, knowledge.as_ref(), context);
        if let Some((metric, others)) = plan.unknown_metric() {
            let hint = if others.is_empty() {
                "the estimator reports none".to_owned()
            } else {
                heirloom_model::suggest::remedy(metric, "it has", &others)
            };
            return Err(Failure::usage(format!("no trial has a metric `{metric}`; hint: {hint}")).into());
        }
        if plan.stop.stopping() {
            // Whatever it came to by then.
            return Ok(Exit::Interrupted);
        }
        let lines = lines?;
        let value = self.metric.clone().unwrap_or_else(|| job.objective().name.clone());
        let n_tasks = knowledge.as_ref().map_or(0, Knowledge::n_tasks);
        self.show(&plan, &lines, &value, n_tasks, context)?;
        // Last: a picture that cannot be drawn does not cost what was measured.
        if let Some(path) = &self.plot {
            let title =
                format!("{}: best {value}, mean of {} seeds, 95 % bands", config.task.name, self.seeds);
            plot::incumbents(path, &title, &value, &lines)?;
        }
        Ok(Exit::Done)
    }

    fn strategies(&self, config: &RunConfig, plugins: &Plugins) -> miette::Result<Vec<ComponentConfig>> {
        if self.strategies.is_empty() {
            return Ok(vec![config.strategy.clone()]);
        }
        let known = plugins.names(ComponentKind::Strategy);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let component = |name: &String| {
            if *name == config.strategy.name {
                Ok(config.strategy.clone())
            } else if known.contains(&name.as_str()) {
                Ok(ComponentConfig { name: name.clone(), options: json!({}) })
            } else {
                let remedy = heirloom_model::suggest::remedy(name, "there are", &known);
                Err(Failure::usage(format!("there is no strategy `{name}`; hint: {remedy}")).into())
            }
        };
        self.strategies.iter().map(component).collect()
    }

    fn checkpoints(&self, n_trials: usize) -> miette::Result<Vec<usize>> {
        if let Some(n) = self.at.iter().find(|n| !(1..=n_trials).contains(n)) {
            let message = format!("`--at {n}` is no trial of the run; hint: its budget has 1 to {n_trials}");
            return Err(Failure::usage(message).into());
        }
        let mut at = self.at.clone();
        at.sort_unstable();
        at.dedup();
        Ok(if at.is_empty() { checkpoints(n_trials) } else { at })
    }

    fn lines(
        &self,
        plan: &Plan<'_>,
        strategies: &[ComponentConfig],
        knowledge: Option<&Knowledge>,
        context: &Context,
    ) -> miette::Result<Vec<Line>> {
        let n_starts = 1 + u64::from(knowledge.is_some());
        let n_runs = self.seeds * strategies.len() as u64 * n_starts;
        let bar = if context.shows_progress() { ProgressBar::new(n_runs) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} runs · {per_sec} · {eta} left");
        bar.set_style(style.expect("the template is well-formed"));
        let mut lines = Vec::new();
        for strategy in strategies {
            lines.push(plan.line(strategy, None, &|| bar.inc(1))?);
            if knowledge.is_some() {
                lines.push(plan.line(strategy, knowledge, &|| bar.inc(1))?);
            }
        }
        bar.finish_and_clear();
        Ok(lines)
    }

    fn show(
        &self,
        plan: &Plan<'_>,
        lines: &[Line],
        value: &str,
        n_tasks: usize,
        context: &Context,
    ) -> miette::Result<()> {
        let at = &plan.checkpoints;
        let equal_cost = EqualCost::of(lines);
        if context.json {
            return output::json(&json!({
                "task": plan.job.config.task.name,
                "value": value,
                "n_seeds": plan.n_seeds,
                "first_seed": plan.first_seed,
                "n_past_tasks": n_tasks,
                "trials": at,
                "lines": lines,
                "warm_minus_cold": gains(lines, at),
                "equal_cost": equal_cost,
            }));
        }
        let task = &plan.job.config.task.name;
        output::line(&format!(
            "{task}: best {value} so far, mean ± standard error of {} seeds",
            plan.n_seeds
        ))?;
        let steps = at.iter().map(|n| format!("after {n}"));
        print_incumbents(steps, lines.iter().map(|line| &line.incumbents))?;
        match &equal_cost {
            Some(EqualCost { seconds, lines }) => {
                output::line(
                    "and after the same seconds of evaluation, up to where the cheapest of all runs ended",
                )?;
                print_incumbents(seconds.iter().map(|&seconds| output::seconds(seconds)), lines.iter())?;
            }
            None => output::line(
                "no cost compares all runs: trials cost nothing, or a run had ended before another had a result",
            )?,
        }
        match n_tasks {
            _ if plan.job.config.warm_start.mode == WarmStartMode::Off => {
                output::line("cold starts only, as was asked for")
            }
            0 => output::line("cold starts only: the archive knows no other task of this space"),
            n => output::line(&format!("warm starts know {n} past tasks")),
        }
    }
}

/// A column a step.
fn print_incumbents<'a>(
    steps: impl Iterator<Item = String>,
    lines: impl Iterator<Item = &'a Incumbents>,
) -> miette::Result<()> {
    let steps: Vec<String> = steps.collect();
    let columns: Vec<&str> =
        ["strategy", "start"].into_iter().chain(steps.iter().map(String::as_str)).collect();
    let mut table = Table::new(&columns);
    for line in lines {
        let cells = line.mean.iter().zip(&line.standard_error).map(|(&mean, &error)| {
            let number = output::number(mean);
            if mean.is_nan() { number } else { format!("{number} ± {}", output::number(error)) }
        });
        table.row([line.strategy.clone(), line.start.to_owned()].into_iter().chain(cells));
    }
    table.print()
}

/// The archive that knows of other tasks; `None` where there is none yet.
fn archive(config: &RunConfig, context: &Context) -> miette::Result<Option<Archive>> {
    let path = context.archive_path(config.archive.as_ref())?;
    if path.exists() { Archive::open_read_only(&path).map(Some).or_fail() } else { Ok(None) }
}

/// Warm minus cold of each strategy at each checkpoint, over the same seeds: mean and standard error.
fn gains(lines: &[Line], at: &[usize]) -> Vec<serde_json::Value> {
    let pairs = lines.windows(2).filter(|pair| {
        pair[0].incumbents.strategy == pair[1].incumbents.strategy && pair[1].incumbents.start == "warm"
    });
    let gain = |pair: &[Line]| {
        let difference = |&n: &usize| {
            let seeds = pair[0].curves.iter().zip(&pair[1].curves);
            mean_and_error(&seeds.map(|(cold, warm)| warm[n - 1] - cold[n - 1]).collect::<Vec<_>>())
        };
        let (mean, standard_error): (Vec<f64>, Vec<f64>) = at.iter().map(difference).unzip();
        json!({ "strategy": pair[0].incumbents.strategy, "mean": mean, "standard_error": standard_error })
    };
    pairs.map(gain).collect()
}
