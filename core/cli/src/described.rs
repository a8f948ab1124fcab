//! The task that a run file names: which one it is in the archive, and its description by numbers.

use std::collections::BTreeMap;

use heirloom_archive::{Archive, MetaFeatures, RunId, Task};
use heirloom_config::{DataConfig, TargetConfig, TaskConfig};
use heirloom_dataset::{Dataset, DatasetOptions, Target, TargetKind};
use heirloom_meta_features::{MetaFeatureSet, describe};

use crate::failure::{Failure, OrFail};
use crate::job::Job;

/// A job's task.
pub(crate) struct Described {
    /// Under the key that it has in the archive.
    pub(crate) task: Task,
    /// Its description, where it was made from the data now.
    pub(crate) set: Option<MetaFeatures>,
    /// Its meta-features: by its data, else what the archive has of it already.
    pub(crate) features: Option<BTreeMap<String, f64>>,
}

impl Described {
    /// Reads and describes the task's data, where the run file names it.
    pub(crate) fn new(job: &Job<'_>, archive: &Archive) -> miette::Result<Self> {
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
        task.kind = match dataset.target() {
            Target::Classes { .. } => "classification".into(),
            Target::Regression(_) => "regression".into(),
            Target::PixelClasses { .. } => "pixel-classification".into(),
            Target::PixelValues { .. } => "pixel-regression".into(),
        };
        task.target = data.target.clone().unwrap_or_default();
        let set = to_archive(&describe(&dataset, &heirloom_meta_features::Options::default()));
        let features = Some(set.features.clone());
        let name = task.key.clone();
        let task = archive.known_as(task).or_fail()?;
        if task.key != name {
            warn_of_other_data(&name, &task.key);
        }
        Ok(Self { task, set: Some(set), features })
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

/// A description in the archive's form.
fn to_archive(set: &MetaFeatureSet) -> MetaFeatures {
    let known = set.values().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let costs = set.features.iter().map(|feature| (feature.name.clone(), feature.cost_seconds));
    MetaFeatures {
        version: format!("heirloom-{}", set.version),
        features: known.collect(),
        cost_seconds: costs.collect(),
    }
}
