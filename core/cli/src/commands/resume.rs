//! `heirloom resume`

use std::path::Path;

use clap::Args;
use heirloom_archive::{Archive, RunState, RunSummary};
use heirloom_config::RunConfig;

use crate::catalogue::Plugins;
use crate::context::{Context, find_run};
use crate::failure::{Exit, Failure, OrFail};
use crate::job::{ArchivedRun, Job, refuse_without_knowledge};
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

    /// Go on even if `heirloom.lock`, or the build of a plugin, is another one than the run began with
    #[arg(long)]
    other_lock: bool,
}

impl Resume {
    pub(crate) fn run(&self, context: &Context) -> miette::Result<Exit> {
        let path = context.archive_path(None)?;
        let archive = Archive::open(&path).or_fail()?;
        let (found, _alone) = match &self.run {
            Some(text) => {
                let found = find_run(&archive, text)?;
                if !is_unfinished(&found) {
                    let state = found.state.as_str();
                    let message = format!("run `{}` is {state}: there is nothing to go on with", found.id);
                    return Err(Failure::usage(message).into());
                }
                let alone = RunLock::take(&path, found.id)?;
                (found, alone)
            }
            None => newest_unfinished(&archive, &path)?,
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
        if !self.other_lock {
            project_lock::check_builds(found.id, &header.plugin_lock, &plugins.lock(&config))?;
        }
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

/// The newest run that has not finished, that can go on, and that no other process carries out.
fn newest_unfinished(archive: &Archive, path: &Path) -> miette::Result<(RunSummary, RunLock)> {
    let mut refused = None;
    for run in archive.runs().or_fail()?.into_iter().rev().filter(is_unfinished) {
        let alone = match RunLock::take(path, run.id) {
            Ok(alone) => alone,
            Err(error) => {
                _ = refused.get_or_insert(error);
                continue;
            }
        };
        match refuse_without_knowledge(archive, run.id, past::is_kept(archive, run.id)?) {
            Ok(()) => return Ok((run, alone)),
            Err(error) => tracing::warn!("left out: {error}"),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let archive = path.display();
        let hint = "`heirloom runs` lists all; another archive is named by `--archive FILE`";
        Failure::usage(format!("the archive `{archive}` has no unfinished run; hint: {hint}")).into()
    }))
}

#[cfg(test)]
mod tests {
    use heirloom_archive::{RunHeader, Task};
    use heirloom_model::SpaceSpec;
    use serde_json::json;

    use super::*;

    #[test]
    fn by_itself_resume_passes_over_a_run_that_cannot_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let archive = Archive::create(&path).unwrap();
        let begin = |warm: bool| {
            let space = SpaceSpec::preset("nas-bench-201").unwrap();
            let mut header = RunHeader::new(Task::default(), space, Vec::new());
            header.configuration = json!({ "warm": warm });
            archive.begin_run(&header).unwrap().0
        };
        let cold = begin(false);
        // Its process died before what it knew was kept.
        begin(true);
        assert_eq!(newest_unfinished(&archive, &path).unwrap().0.id, cold);
        archive.set_run_state(cold, RunState::Finished).unwrap();
        assert!(newest_unfinished(&archive, &path).is_err());
    }
}
