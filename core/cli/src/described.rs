//! The task that a run file names: which one it is in the archive, and its description by numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use heirloom_archive::{Archive, MetaFeatures, RunId, Task};
use heirloom_config::{ComponentConfig, DataConfig, TargetConfig, TaskConfig};
use heirloom_dataset::{Dataset, DatasetOptions, Target, TargetKind};
use heirloom_meta_features::{MetaFeatureSet, Skipped, describe};
use indicatif::ProgressBar;
use serde_json::Value as Json;

use crate::context::Context;
use crate::failure::{Failure, OrFail};
use crate::job::Job;

/// A job's task.
pub(crate) struct Described {
    /// Under the key that it has in the archive.
    pub(crate) task: Task,
    /// The description of its data, where the run file names that.
    pub(crate) set: Option<MetaFeatures>,
    /// Its meta-features: by its data, else what the archive has of it already.
    pub(crate) features: Option<BTreeMap<String, f64>>,
}

impl Described {
    /// Reads the task's data, where the run file names it, and describes it, where the archive has no description of it.
    /// One that was made in a hurry stays: what it says would else hang on what the machine does beside each search.
    pub(crate) fn new(job: &Job<'_>, archive: &Archive, context: &Context) -> miette::Result<Self> {
        let config = &job.config.task;
        let mut task = Task {
            key: config.name.clone(),
            name: config.name.clone(),
            metric: job.objective().name.clone(),
            ..Task::default()
        };
        let Some(data) = &config.data else {
            let known = archive.tasks().or_fail()?.iter().any(|known| known.key == task.key);
            let sets = if known { archive.meta_features(&task.key).or_fail()? } else { Vec::new() };
            let features: BTreeMap<_, _> = sets.into_iter().flat_map(|set| set.features).collect();
            return Ok(Self { task, set: None, features: (!features.is_empty()).then_some(features) });
        };
        let dataset = open(data)?;
        task.fingerprint = dataset.fingerprint();
        task.kind = kind(&dataset).into();
        task.target = data.target.clone().unwrap_or_default();
        if let Some(warning) = other_data(data, &task, &job.config.estimator) {
            tracing::warn!("{warning}");
        }
        let set = match archived(archive, &task)? {
            Some(set) => set,
            None => to_archive(&newly_described(&dataset, data, context)),
        };
        let features = Some(set.features.clone());
        let name = task.key.clone();
        let task = archive.known_as(task).or_fail()?;
        if task.key != name {
            warn_of_other_data(&name, &task.key);
        }
        Ok(Self { task, set: Some(set), features })
    }
}

/// What the archive has of the same data, under whatever name. A description that is damaged is made anew.
fn archived(archive: &Archive, task: &Task) -> miette::Result<Option<MetaFeatures>> {
    let is_same = |known: &&Task| known.fingerprint == task.fingerprint && known.kind == task.kind;
    let known = archive.tasks().or_fail()?;
    let mut sets =
        known.iter().filter(is_same).flat_map(|known| archive.meta_features(&known.key).unwrap_or_default());
    Ok(sets.find(|set| set.version == version(heirloom_meta_features::VERSION)))
}

/// Describes data, which may take a minute.
fn newly_described(dataset: &Dataset, data: &DataConfig, context: &Context) -> MetaFeatureSet {
    let bar = if context.shows_progress() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    bar.set_message(format!("describing `{}`, once for all searches on it", data.path.display()));
    bar.enable_steady_tick(Duration::from_millis(200));
    let set = describe(dataset, &heirloom_meta_features::Options::default());
    bar.finish_and_clear();
    let out_of_time = set.features.iter().filter(|feature| feature.skipped == Some(Skipped::OutOfTime));
    let left_out: Vec<&str> = out_of_time.map(|feature| feature.name.as_str()).collect();
    if !left_out.is_empty() {
        tracing::warn!(
            "the description of `{}` took too long and leaves out {}: which past tasks are near is judged by the others",
            data.path.display(),
            left_out.join(", ")
        );
    }
    set
}

/// What to say where the estimator trains on other data than the task's, `data`: the archive would take what it measures
/// for the task's.
fn other_data(data: &DataConfig, task: &Task, estimator: &ComponentConfig) -> Option<String> {
    let option = |key: &str| estimator.options.get(key).cloned().unwrap_or(Json::Null);
    let texts = |key: &str| serde_json::from_value(option(key)).unwrap_or_default();
    let trained = DataConfig {
        path: option("data").as_str()?.into(),
        target: option("target").as_str().map(str::to_owned),
        kind: serde_json::from_value(option("kind")).unwrap_or_default(),
        categorical: texts("categorical"),
        ignore: texts("ignore"),
    };
    // Data of another form is the estimator's business, and so are mistakes in its options.
    let dataset = if trained == *data { None } else { open(&trained).ok() }?;
    if dataset.fingerprint() == task.fingerprint && kind(&dataset) == task.kind {
        return None;
    }
    let say = |data: &DataConfig| {
        let (path, target) = (data.path.display(), data.target.as_deref().unwrap_or("the last column"));
        let kind = serde_json::to_value(data.kind).unwrap_or_default();
        format!(
            "data `{path}`, target `{target}`, kind {kind}, categorical {:?}, ignore {:?}",
            data.categorical, data.ignore
        )
    };
    Some(format!(
        "`[task]` and `[estimator]` name different data, and what is measured on the estimator's is archived as the \
         task's: the task has {}; the estimator has {}; hint: give both the same",
        say(data),
        say(&trained)
    ))
}

fn kind(dataset: &Dataset) -> &'static str {
    match dataset.target() {
        Target::Classes { .. } => "classification",
        Target::Regression(_) => "regression",
        Target::PixelClasses { .. } => "pixel-classification",
        Target::PixelValues { .. } => "pixel-regression",
    }
}

pub(crate) fn warn_of_other_data(name: &str, key: &str) {
    tracing::warn!("the archive has a task `{name}` with other data: this one is `{key}` there");
}

fn open(data: &DataConfig) -> miette::Result<Dataset> {
    let options = DatasetOptions {
        target: data.target.clone(),
        kind: match data.kind {
            TargetConfig::Auto => TargetKind::Auto,
            TargetConfig::Classification => TargetKind::Classification,
            TargetConfig::Regression => TargetKind::Regression,
        },
        categorical: data.categorical.clone(),
        ignore: data.ignore.clone(),
    };
    Dataset::open(&data.path, &options)
        .map_err(|error| Failure::new(format!("cannot read the task's data: {error}")).into())
}

/// Refuses to go on with a run whose data is another one than when it began. What was not recorded, or is not there any
/// more, cannot be compared.
pub(crate) fn check_again(config: &TaskConfig, run: RunId, recorded: &Task) -> miette::Result<()> {
    let Some(data) = config.data.as_ref().filter(|_| !recorded.fingerprint.is_empty()) else { return Ok(()) };
    let path = data.path.display();
    if !data.path.exists() {
        tracing::warn!("the task's data `{path}` is not there any more: whether it is the same is not known");
        return Ok(());
    }
    if open(data)?.fingerprint() == recorded.fingerprint {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the data of run `{run}` is another one now: `{path}` has changed; hint: restore what was there when it began, \
         or begin a new run"
    ))
    .into())
}

/// The archive's name for a version of our definitions.
fn version(number: u32) -> String {
    format!("heirloom-{number}")
}

/// A description in the archive's form.
fn to_archive(set: &MetaFeatureSet) -> MetaFeatures {
    let known = set.values().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let costs = set.features.iter().map(|feature| (feature.name.clone(), feature.cost_seconds));
    MetaFeatures { version: version(set.version), features: known.collect(), cost_seconds: costs.collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_that_the_archive_has_described_is_not_described_again() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::create(&folder.path().join("a")).unwrap();
        let task = |key: &str, kind: &str| Task {
            key: key.into(),
            name: key.into(),
            fingerprint: "f".into(),
            kind: kind.into(),
            ..Task::default()
        };
        let space = heirloom_model::SpaceSpec::preset("nas-bench-201").unwrap();
        let header = heirloom_archive::RunHeader::new(task("a", "regression"), space, Vec::new());
        drop(archive.begin_run(&header).unwrap());
        let set = |version: &str| MetaFeatures {
            version: version.into(),
            features: BTreeMap::from([("InstanceNumber".into(), 7.0)]),
            cost_seconds: BTreeMap::new(),
        };
        archive.put_meta_features("a", &set("heirloom-0")).unwrap();
        assert_eq!(archived(&archive, &task("b", "regression")).unwrap(), None, "other definitions");
        let current = set(&version(heirloom_meta_features::VERSION));
        archive.put_meta_features("a", &current).unwrap();
        assert_eq!(archived(&archive, &task("b", "regression")).unwrap(), Some(current));
        assert_eq!(archived(&archive, &task("b", "classification")).unwrap(), None);
    }

    #[test]
    fn an_estimator_that_trains_on_other_data_than_the_tasks_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        };
        let rows = "a,b\n0.5,x\n1.5,y\n2.5,x\n";
        let (path, other, same) = (write("a.csv", rows), write("b.csv", "a,b\n1,z\n"), write("c.csv", rows));
        let data = DataConfig {
            path: path.clone(),
            target: None,
            kind: TargetConfig::Auto,
            categorical: Vec::new(),
            ignore: Vec::new(),
        };
        let dataset = open(&data).unwrap();
        let task =
            Task { fingerprint: dataset.fingerprint(), kind: kind(&dataset).into(), ..Task::default() };
        let said =
            |options: Json| other_data(&data, &task, &ComponentConfig { name: "torch".into(), options });
        for alike in [
            json!({}),
            json!({ "data": path }),
            json!({ "data": path, "target": "b", "kind": "classification" }),
            json!({ "data": same, "kind": "auto", "ignore": [] }),
            json!({ "data": folder.path() }),
        ] {
            assert_eq!(said(alike), None);
        }
        let message = said(json!({ "data": other })).unwrap();
        assert!(message.contains("a.csv`") && message.contains("b.csv`"), "{message}");
        let message = said(json!({ "data": path, "target": "a" })).unwrap();
        assert!(message.contains("target `the last column`") && message.contains("target `a`"), "{message}");
    }
}
