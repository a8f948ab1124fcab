//! `heirloom search`

use std::path::PathBuf;

use clap::Args;
use heirloom_archive::{Archive, RunState};
use heirloom_config::{MAX_WORKERS, RunConfig, RunFile};
use heirloom_engine::RunEnd;
use serde_json::json;

use super::runs::short;
use crate::catalogue::Plugins;
use crate::context::Context;
use crate::described::{self, Described};
use crate::failure::{Exit, OrFail};
use crate::job::{ArchivedRun, Job};
use crate::run_lock::RunLock;
use crate::summary::Summary;
use crate::{beliefs, output, past, project_lock};

/// Search: run what a run file describes, starting from what the archive knows
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom search run.toml\n  heirloom search run.toml --seed 7 --trials 50\n  \
    heirloom search run.toml --cold --json > result.json\n\nCtrl-C ends the run when the trials at work have \
    finished; once more, at once. Either way `heirloom resume` goes on."
)]
pub(crate) struct Search {
    /// The run file
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,

    /// The run's seed, in place of the file's
    #[arg(long)]
    seed: Option<u64>,

    /// The budget in trials, in place of the file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    trials: Option<u64>,

    /// How many trials at the same time, in place of the file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_WORKERS))]
    workers: Option<u16>,

    /// Ignore the archive's past runs
    #[arg(long)]
    cold: bool,

    /// Only check the run file
    #[arg(long)]
    check: bool,
}

impl Search {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let file = RunFile::read(&self.file)?;
        let plugins = Plugins::open(context, self.file.parent())?;
        let config = self.overridden(file.check(&plugins)?);
        let job = Job::prepare(&config, &plugins).map_err(|blame| blame.in_file(&file))?;
        // Made before the archive is touched: what is wrong with it belongs to the run file.
        job.strategy(&config.strategy).map_err(|blame| blame.in_file(&file))?;
        let filters = job.filters().map_err(|blame| blame.in_file(&file))?;
        if self.check {
            if context.json {
                output::json(&json!({ "configuration_hash": config.hash(), "configuration": config }))?;
            } else {
                output::line(&format!("`{}` is right", self.file.display()))?;
            }
            return Ok(Exit::Done);
        }
        let path = context.archive_path(config.archive.as_ref())?;
        let archive = context.write_archive(config.archive.as_ref())?;
        let described = Described::new(&job, &archive, context)?;
        let of_strategy = |knowledge| past::of_strategy(knowledge, &job, &config.strategy);
        let knowledge = past::knowledge(&archive, &job, &described)?.map(of_strategy).transpose()?;
        let beliefs = beliefs::of_job(&archive, &job, &filters, &described)?;
        let header = job.header(file.text(), described.task, knowledge.is_some());
        beliefs::warn(&job, &beliefs);
        let (run, recorder) = archive.begin_run(&header).or_fail()?;
        let enter = || -> miette::Result<_> {
            let alone = RunLock::take(&path, run)?;
            project_lock::keep(&archive, run, &plugins)?;
            // Another search may have begun under this name meanwhile, on other data.
            let task = archive.header(run).or_fail()?.task;
            if task.key != header.task.key {
                described::warn_of_other_data(&header.task.key, &task.key);
            }
            if let Some(set) = &described.set {
                archive.put_meta_features(&task.key, set).or_fail()?;
            }
            beliefs::keep(&archive, run, &beliefs)?;
            Ok((alone, past::begin(&archive, run, knowledge)?))
        };
        let (_alone, warm_start) = enter().inspect_err(|_| {
            // Else it would count as at work for ever. Where this is not kept either, the first error says more.
            let _ = archive.set_run_state(run, RunState::Failed);
        })?;
        tracing::info!(%run, seed = config.seed, configuration = config.hash(), "the run begins");
        let archived = ArchivedRun {
            archive: &archive,
            path,
            run,
            recorder: Box::new(recorder),
            history: Box::new(std::iter::empty()),
            filters,
            vote: job.vote(&beliefs),
            warm_start,
        };
        finish(archived, &job, context)
    }

    fn overridden(&self, mut config: RunConfig) -> RunConfig {
        config.seed = self.seed.unwrap_or(config.seed);
        config.budget.trials = self.trials.or(config.budget.trials);
        config.workers = self.workers.map_or(config.workers, usize::from);
        if self.cold {
            config.ignore_past();
        }
        config
    }
}

/// Carries an archived run out and shows what came of it.
pub(super) fn finish(archived: ArchivedRun<'_>, job: &Job<'_>, context: &Context) -> miette::Result<Exit> {
    let archive: &Archive = archived.archive;
    let (run, path) = (archived.run, archived.path.clone());
    let end: RunEnd = archived.carry_out(job, context)?;
    let found = archive.find_run(&run.to_string()).or_fail()?;
    let state = found.state;
    let summary = Summary::new(archive, path.display().to_string(), &found, Some(end))?;
    if context.json {
        output::json(&summary)?
    } else {
        summary.print()?;
        if matches!(state, RunState::Interrupted | RunState::Failed) {
            let elsewhere = context.archive.is_some() || path != context.archive_path(None)?;
            let archive = elsewhere.then_some(("--archive", &path));
            let plugins = context.plugin_folders.iter().map(|folder| ("--plugins", folder));
            let options = archive.into_iter().chain(plugins);
            let options =
                options.flat_map(|(option, path)| [option.into(), path.to_string_lossy().into_owned()]);
            let words = ["heirloom".into(), "resume".into(), short(&found)].into_iter().chain(options);
            let words: Vec<String> = words.collect();
            let command = shlex::try_join(words.iter().map(String::as_str)).or_fail()?;
            output::line(&format!("go on    `{command}`"))?;
        }
    }
    Ok(match state {
        RunState::Interrupted => Exit::Interrupted,
        RunState::Failed => Exit::Failed,
        _ if summary.is_failure() => Exit::Failed,
        _ => Exit::Done,
    })
}
