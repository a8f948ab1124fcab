//! `heirloom resume`

use std::path::Path;

use clap::Args;
use heirloom_archive::{RunState, RunSummary};
use heirloom_config::RunConfig;

use crate::catalogue::Plugins;
use crate::context::{Context, find_run};
use crate::failure::{Exit, Failure, OrFail};
use crate::job::{ArchivedRun, Job};
use crate::project_lock::{self, ProjectLock, RecordedLock};
use crate::run_lock::RunLock;
use crate::{beliefs, described, past};

/// Go on with a run that was stopped or whose process died
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  heirloom resume              # the newest run that has not finished\n  \
    heirloom resume 3f2a91c4d7e0\n\nThe run's recorded trials are replayed into a fresh strategy; no finished trial is \
    made again."
)]
pub(crate) struct Resume {
    /// The run: its id, the beginning or end of it, its name, or `latest` [default: the newest that has not finished and that no other process carries out]
    run: Option<String>,

    /// Go on even if `heirloom.lock` is another one than the run began under
    #[arg(long)]
    other_lock: bool,
}

impl Resume {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let path = context.archive_path(None)?;
        let archive = heirloom_archive::Archive::open(&path).or_fail()?;
        let (found, _alone) = match &self.run {
            Some(text) => {
                let found = find_run(&archive, text)?;
                if !is_unfinished(&found) {
                    let state = found.state.as_str();
                    let message = format!("run `{}` is {state}: there is nothing to go on with", found.id);
                    return Err(Failure::usage(message).into());
                }
                let alone = RunLock::take(found.id)?;
                (found, alone)
            }
            None => newest_unfinished(archive.runs().or_fail()?, &path)?,
        };
        let header = archive.header(found.id).or_fail()?;
        let config: RunConfig =
            serde_json::from_value(header.configuration["checked"].clone()).map_err(|error| {
                Failure::new(format!(
                    "run `{}` was begun by another version: its configuration has {error}",
                    found.id
                ))
            })?;
        let lock = match RecordedLock::of(&header.plugin_lock)? {
            Some(recorded) => ProjectLock::again(context, &recorded, self.other_lock)?,
            None => None,
        };
        let plugins = Plugins::open_with(context, None, lock)?;
        let job = Job::prepare(&config, &plugins).map_err(Failure::from)?;
        if *job.problem.space.hash() != found.space {
            return Err(Failure::new(format!(
                "the space of run `{}` is another one now; hint: restore what its estimator read when it began",
                found.id
            ))
            .into());
        }
        described::check_again(&config.task, found.id, &header.task)?;
        let filters = job.filters().map_err(Failure::from)?;
        let vote = job.vote(&beliefs::again(&archive, found.id)?);
        let warm_start = past::again(&archive, found.id)?;
        if self.other_lock {
            project_lock::keep(&archive, found.id, &plugins)?;
        }
        let (_, recorder) = archive.resume_run(found.id).or_fail()?;
        let history = Box::new(archive.events(found.id).map(|event| event.map_err(Into::into)));
        tracing::info!(run = %found.id, "the run goes on");
        let archived = ArchivedRun {
            archive: &archive,
            path,
            run: found.id,
            recorder: Box::new(recorder),
            history,
            filters,
            vote,
            warm_start,
        };
        super::search::finish(archived, &job, context)
    }
}

fn is_unfinished(run: &RunSummary) -> bool {
    !matches!(run.state, RunState::Finished | RunState::Imported)
}

/// The newest run that has not finished and that no other process carries out.
fn newest_unfinished(runs: Vec<RunSummary>, archive: &Path) -> miette::Result<(RunSummary, RunLock)> {
    let mut refused = None;
    for run in runs.into_iter().rev().filter(is_unfinished) {
        match RunLock::take(run.id) {
            Ok(alone) => return Ok((run, alone)),
            Err(error) => _ = refused.get_or_insert(error),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let archive = archive.display();
        let hint = "`heirloom runs` lists all; another archive is named by `--archive FILE`";
        Failure::usage(format!("the archive `{archive}` has no unfinished run; hint: {hint}")).into()
    }))
}
