//! From the archive's past runs to a warm start, and back: what a run knew is kept with it, so that resuming and
//! explaining it see the same.

use std::collections::{BTreeMap, BTreeSet};

use heirloom_archive::{Archive, PastFilter, RunId, RunSummary, Task, names_task, size_to_compare_at};
use heirloom_config::{ComponentConfig, RunConfig, WarmStartMode};
use heirloom_model::space::{MappingNote, OutOfRange, SpaceMapping};
use heirloom_model::{
    Configuration, Direction, Objective, Observation, Origin, Space, WarmStart, WarmStartReport,
};
use heirloom_warm_start::{Knowledge, Mode, Options, PastTask};
use serde::de::DeserializeOwned;

use crate::described::Described;
use crate::failure::{Failure, OrFail};
use crate::job::Job;

/// The name of the artifact that holds what a run knew when it began.
const ARTIFACT: &str = "warm-start/knowledge.json";

/// What the archive teaches about a job's task; `None` where the run file wants a cold start or nothing is known.
pub(crate) fn knowledge(
    archive: &Archive,
    job: &Job<'_>,
    task: &Described,
) -> miette::Result<Option<Knowledge>> {
    let config = &job.config.warm_start;
    let mode = match config.mode {
        WarmStartMode::Off => return Ok(None),
        WarmStartMode::Seed => Mode::Seed,
        WarmStartMode::Inform => Mode::Inform,
        WarmStartMode::Replace => Mode::Replace,
    };
    let tasks = past_tasks(archive, job, &task.task)?;
    if tasks.is_empty() {
        return Ok(None);
    }
    let options = Options { mode, n_initial: config.initial };
    Knowledge::new(&job.problem, task.features.clone(), tasks, options).map(Some).or_fail()
}

/// The same for a search by `strategy`: transferred trials are of the size at which it begins.
pub(crate) fn of_strategy(
    knowledge: Knowledge,
    job: &Job<'_>,
    strategy: &ComponentConfig,
) -> miette::Result<Knowledge> {
    Ok(knowledge.beginning_at(job.first_fidelity(strategy).map_err(Failure::from)?))
}

/// Past evaluations of the same objective, by task, as points of the job's space.
///
/// Those of another space come through a mapping, where at least half of the job's parameters are found in it; a value
/// out of range leaves its evaluation out, for a clipped configuration would be another one.
fn past_tasks(archive: &Archive, job: &Job<'_>, own: &Task) -> miette::Result<Vec<PastTask>> {
    let filter = PastFilter {
        without_tasks: job.config.warm_start.exclude_tasks.clone(),
        objective: Some(job.objective().clone()),
        ..PastFilter::default()
    };
    let (known, own_names) = (KnownTasks::new(archive, job, own)?, own_names(job.config));
    for name in filter.without_tasks.iter().filter(|name| !own_names.contains(name)) {
        if !known.tasks.iter().any(|task| names_task(name, &task.key)) {
            tracing::warn!("`warm_start.exclude_tasks`: the archive has no task `{name}`");
        }
    }
    warn_of_other_objectives(archive, job, &known)?;
    let mut tasks: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
    archive
        .visit_past(&filter, &mut |past| {
            let Some(key) = known.key(&past.key) else { return Ok(()) };
            let Some(bring) = way_into(&job.problem.space, &past)? else { return Ok(()) };
            let n = past.configurations.len();
            let rows = past.configurations.iter().zip(past.objectives);
            let rows: Vec<_> =
                rows.filter_map(|(configuration, value)| Some((bring(configuration)?, value))).collect();
            // Those that have no place in this space do not count.
            let n_evaluations = past.n_available - n + rows.len();
            let (n_without_place, features, full) = (n - rows.len(), past.meta_features, past.full);
            let recorded = Recorded { name: past.name, features, full, rows, n_evaluations, n_without_place };
            tasks.entry(key).or_default().push(recorded);
            Ok(())
        })
        .or_fail()?;
    warn_of_the_placeless(&tasks);
    Ok(tasks.into_iter().map(|(key, recorded)| joined(key.clone(), key == own.key, recorded)).collect())
}

/// What was evaluated on a task in one space, as points of the job's.
struct Recorded {
    name: String,
    features: BTreeMap<String, f64>,
    full: BTreeMap<String, f64>,
    rows: Vec<(Configuration, Option<f64>)>,
    n_evaluations: usize,
    n_without_place: usize,
}

impl Recorded {
    /// Whether its full size is at least `size`, of the same dimensions.
    fn reaches(&self, size: &BTreeMap<String, f64>) -> bool {
        self.full.values().zip(size.values()).all(|(full, size)| full >= size)
    }

    fn n_finished(&self) -> usize {
        self.rows.iter().filter(|(_, value)| value.is_some()).count()
    }
}

/// One past task of what was recorded in several spaces, and under several names of the same data: of sizes in the same
/// dimensions only those at which evaluations are compared.
fn joined(key: String, is_own: bool, recorded: Vec<Recorded>) -> PastTask {
    let counts = |one: &&Recorded| {
        let alike = || recorded.iter().filter(|other| other.full.keys().eq(one.full.keys()));
        let n_finished = |size: &BTreeMap<String, f64>| {
            alike().filter(|other| other.reaches(size)).map(Recorded::n_finished).sum()
        };
        let sizes = alike().map(|other| (other.full.clone(), n_finished(&other.full))).collect();
        one.reaches(&size_to_compare_at(sizes))
    };
    let mut task = PastTask {
        key,
        name: recorded.first().map(|first| first.name.clone()).unwrap_or_default(),
        meta_features: None,
        configurations: Vec::new(),
        objectives: Vec::new(),
        n_evaluations: 0,
        is_own,
    };
    let described = recorded.iter().map(|one| &one.features).find(|features| !features.is_empty());
    task.meta_features = described.cloned();
    for one in recorded.iter().filter(counts) {
        task.n_evaluations += one.n_evaluations;
        for (configuration, value) in &one.rows {
            task.configurations.push(configuration.clone());
            task.objectives.push(*value);
        }
    }
    task
}

/// Says which earlier runs of the job's own task tell nothing, because they measured something else.
fn warn_of_other_objectives(archive: &Archive, job: &Job<'_>, known: &KnownTasks<'_>) -> miette::Result<()> {
    let objective = job.objective();
    let mut others = BTreeSet::new();
    for run in archive.runs().or_fail()?.into_iter().filter(|run| run.withdrawn.is_none()) {
        let is_own = known.key(&run.task).is_some_and(|key| key == known.own.key);
        if is_own && !run.objectives.contains(objective) {
            others.extend(run.objectives.iter().map(in_words));
        }
    }
    if !others.is_empty() {
        let others: Vec<_> = others.into_iter().collect();
        tracing::warn!(
            "earlier runs of this task are left out: they followed {}, and not {}",
            others.join(", "),
            in_words(objective)
        );
    }
    Ok(())
}

fn in_words(objective: &Objective) -> String {
    let direction = match objective.direction {
        Direction::Minimise => "minimised",
        Direction::Maximise => "maximised",
    };
    format!("`{}` ({direction})", objective.name)
}

/// Says where most of what was evaluated on a task cannot be used.
fn warn_of_the_placeless(tasks: &BTreeMap<String, Vec<Recorded>>) {
    const SHOWN: usize = 3;
    let mut lost = Vec::new();
    for (key, recorded) in tasks {
        let n_lost: usize = recorded.iter().map(|one| one.n_without_place).sum();
        let n = n_lost + recorded.iter().map(|one| one.rows.len()).sum::<usize>();
        if 2 * n_lost > n {
            lost.push(format!("{n_lost} of {n} evaluations of `{key}`"));
        }
    }
    if !lost.is_empty() {
        let rest = if lost.len() > SHOWN {
            format!(" and of {} more tasks", lost.len() - SHOWN)
        } else {
            String::new()
        };
        lost.truncate(SHOWN);
        tracing::warn!(
            "{}{rest} have no place in this space and are left out; hint: `--log info` tells what changed",
            lost.join(", ")
        );
    }
}

/// An archive's tasks as a job knows them: those of the same data are one, whatever they are called.
pub(crate) struct KnownTasks<'a> {
    own: &'a Task,
    tasks: Vec<Task>,
    excluded: &'a [String],
}

impl<'a> KnownTasks<'a> {
    /// * `own`: the job's.
    pub(crate) fn new(archive: &Archive, job: &Job<'a>, own: &'a Task) -> miette::Result<Self> {
        let excluded = &job.config.warm_start.exclude_tasks;
        Ok(Self { own, tasks: archive.tasks().or_fail()?, excluded })
    }

    /// The key by which the task `key` goes: the job's where it is of the same data, else that of the first that is.
    /// `None` where it is excluded, under whatever name.
    pub(crate) fn key(&self, key: &str) -> Option<String> {
        let is_it = |task: &&Task| task.key == key && !task.fingerprint.is_empty();
        let same: Vec<&Task> = match self.tasks.iter().find(is_it) {
            None => Vec::new(),
            Some(data) => {
                let has_data = |task: &&Task| task.fingerprint == data.fingerprint && task.kind == data.kind;
                [self.own].into_iter().chain(&self.tasks).filter(has_data).collect()
            }
        };
        let is_excluded = |key: &str| self.excluded.iter().any(|name| names_task(name, key));
        if is_excluded(key) || same.iter().any(|task| is_excluded(&task.key)) {
            return None;
        }
        Some(same.first().map_or(key, |task| task.key.as_str()).to_owned())
    }
}

/// What the archive may call a run file's own task: by its name, or as an imported table does.
pub(crate) fn own_names(config: &RunConfig) -> Vec<String> {
    let recorded = config.estimator.options["task"].as_str();
    [Some(config.task.name.as_str()), recorded].into_iter().flatten().map(str::to_owned).collect()
}

type Way = Box<dyn Fn(&Configuration) -> Option<Configuration>>;

/// How configurations of a past task come into `space`; `None` where the spaces have too little in common.
fn way_into(space: &Space, past: &heirloom_archive::PastTask) -> heirloom_archive::Result<Option<Way>> {
    if past.space_hash == *space.hash() {
        let space = space.clone();
        return Ok(Some(Box::new(move |configuration| {
            space.check(configuration).is_ok().then(|| configuration.clone())
        })));
    }
    let mapping = SpaceMapping::new(&Space::compile(past.space.clone())?, space, OutOfRange::LeaveOut);
    let n_missing =
        mapping.report().notes.iter().filter(|note| matches!(note, MappingNote::Missing { .. })).count();
    if 2 * n_missing > space.parameters().len() {
        tracing::info!(task = past.key, "its space has too little in common with this one");
        return Ok(None);
    }
    for note in &mapping.report().notes {
        tracing::info!(task = past.key, "mapped into this space: {note}");
    }
    Ok(Some(Box::new(move |configuration| mapping.map(configuration).ok())))
}

/// Begins a warm start from what is known, and keeps that with the run.
pub(crate) fn begin(
    archive: &Archive,
    run: RunId,
    knowledge: Option<Knowledge>,
) -> miette::Result<Option<Box<dyn WarmStart>>> {
    let Some(knowledge) = knowledge else { return Ok(None) };
    let bytes = serde_json::to_vec(&knowledge).or_fail()?;
    archive.put_artifact(run, None, ARTIFACT, &bytes).or_fail()?;
    make(&knowledge).map(Some)
}

/// The warm start that a run began with.
pub(crate) fn again(archive: &Archive, run: RunId) -> miette::Result<Option<Box<dyn WarmStart>>> {
    kept::<Knowledge>(archive, run, ARTIFACT)?.as_ref().map(make).transpose()
}

/// Whether what a run's warm start knew was kept.
pub(crate) fn is_kept(archive: &Archive, run: RunId) -> miette::Result<bool> {
    Ok(archive.artifacts(run).or_fail()?.iter().any(|artifact| artifact.name == ARTIFACT))
}

/// How many earlier evaluations on its own task a run's warm start knew.
pub(crate) fn n_on_own_task(archive: &Archive, run: &RunSummary) -> miette::Result<usize> {
    let knowledge = kept::<Knowledge>(archive, run.id, ARTIFACT)?;
    Ok(knowledge.map_or(0, |knowledge| knowledge.n_evaluations(&run.task)))
}

/// What was kept with a run under a name.
pub(crate) fn kept<T: DeserializeOwned>(
    archive: &Archive,
    run: RunId,
    name: &str,
) -> miette::Result<Option<T>> {
    let artifacts = archive.artifacts(run).or_fail()?;
    let Some(kept) = artifacts.iter().find(|artifact| artifact.name == name) else { return Ok(None) };
    serde_json::from_slice(&archive.artifact(&kept.hash).or_fail()?).map(Some).or_fail()
}

/// A warm start from what is known.
fn make(knowledge: &Knowledge) -> miette::Result<Box<dyn WarmStart>> {
    Ok(Box::new(knowledge.warm_start().or_fail()?))
}

/// What a run's warm start leaned on, told again all that the run has found out; `None`: a cold start.
pub(crate) fn report(archive: &Archive, run: RunId) -> miette::Result<Option<WarmStartReport>> {
    let Some(mut warm_start) = again(archive, run)? else { return Ok(None) };
    warm_start.knowledge().or_fail()?;
    let mut told = BTreeMap::new();
    archive
        .trials(run, &mut |trial| {
            if let (Some(step), Some(result)) = (trial.told, &trial.result) {
                let transferred = matches!(trial.origin, Some(Origin::WarmStart { .. }));
                told.insert(step, (Observation::of(trial.id, &trial.proposal, result), transferred));
            }
            Ok(())
        })
        .or_fail()?;
    for (observation, transferred) in told.into_values() {
        warm_start.tell(&[observation], &[transferred]).or_fail()?;
    }
    Ok(Some(warm_start.report()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` evaluations of a task in a space of its own, at this size.
    fn recorded(n: usize, full: &[(&str, f64)]) -> Recorded {
        Recorded {
            name: String::new(),
            features: BTreeMap::new(),
            full: full.iter().map(|&(name, size)| (name.to_owned(), size)).collect(),
            rows: (0..n).map(|row| (Configuration::new([row as f64]), Some(row as f64))).collect(),
            n_evaluations: n,
            n_without_place: 0,
        }
    }

    #[test]
    fn evaluations_of_one_task_in_several_spaces_are_compared_at_one_size() {
        let (small, large, other) = ([("epochs", 2.0)], [("epochs", 50.0)], [("rows", 0.5)]);
        let n = |all: Vec<Recorded>| joined("t".into(), false, all).n_evaluations;
        assert_eq!(n(vec![recorded(30, &small), recorded(25, &large)]), 25);
        assert_eq!(
            n(vec![recorded(100, &small), recorded(5, &large)]),
            105,
            "a few do not blot out the many"
        );
        assert_eq!(n(vec![recorded(30, &small), recorded(25, &large), recorded(7, &other)]), 32);
        assert_eq!(n(vec![recorded(3, &[]), recorded(4, &[])]), 7);
    }
}
