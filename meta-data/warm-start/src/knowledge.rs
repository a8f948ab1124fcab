//! What a warm start is made from: the past tasks as plain data, thinned to a bounded size.

use std::collections::{BTreeMap, HashMap, HashSet};

use heirloom_model::{Configuration, Fidelity, Problem, Space, SpaceSpec};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::near::nearness;
use crate::{Error, Transfer};

/// Numbers that describe a task, by name. What could not be computed is left out.
pub type MetaFeatures = BTreeMap<String, f64>;

/// Configurations that a warm start looks at, over all past tasks. Ranks among this many are exact to a
/// two-thousandth, while one decision still takes milliseconds with a hundred tasks.
const MAX_CONFIGURATIONS: usize = 2_000;

/// Evaluations that a warm start looks at, over all past tasks: beyond a hundred tasks of two thousand the farthest
/// add little to what the nearest say, and a search would take minutes to begin.
const MAX_EVALUATIONS: usize = 200_000;

/// The best ones of each task are kept whatever else is thinned out, and at least as many others.
const N_BEST_KEPT: usize = 20;

/// A task of so many trials is known well enough: the more others have the less is left out of it.
const N_KNOWN_BY: usize = 60;

/// How the archive is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Transferred configurations among the strategy's own, as many as they prove to be worth.
    Seed,
    /// The strategy is told what scores to expect, and gets a few seeds.
    Inform,
    /// The whole initial design comes from the archive; then the strategy alone.
    Replace,
}

/// How a warm start behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// How the archive is used.
    pub mode: Mode,
    /// Trials of the initial design: all of them transferred in `replace`, some of them in the other modes, where the
    /// archive's word fades after so many.
    pub n_initial: usize,
}

impl Default for Options {
    /// Ten trials: about what a surrogate of the new task itself needs before it knows better than the past does
    /// (Feurer et al. 2018, RGPE, section 5).
    fn default() -> Self {
        Self { mode: Mode::Seed, n_initial: 10 }
    }
}

/// One past task: a data set with its objective, and what was measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastTask {
    /// The task's key in the archive.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// Numbers that describe it, where known.
    pub meta_features: Option<MetaFeatures>,
    /// Evaluated configurations, mapped into the new task's space, `[n]`; duplicates are allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configurations: Vec<Configuration>,
    /// The first objective of each at full fidelity, minimised, `[n]`; `None`: the evaluation failed.
    pub objectives: Vec<Option<f64>>,
    /// How many evaluations the archive holds, before any were left out.
    pub n_evaluations: usize,
    /// Whether it is the new task itself, in earlier runs.
    #[serde(default)]
    pub is_own: bool,
}

/// Everything a warm start knows, as plain data: recorded with a run, it gives the same warm start when the run
/// is resumed, whatever has been archived since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Knowledge {
    pub(crate) space: SpaceSpec,
    pub(crate) fidelity: Fidelity,
    pub(crate) meta_features: Option<MetaFeatures>,
    pub(crate) tasks: Vec<PastTask>,
    pub(crate) options: Options,
}

impl Knowledge {
    /// Knowledge for a search on `problem`, a task that `meta_features` describe.
    ///
    /// Archives of any size are thinned to 2,000 configurations, the same ones for all tasks but sixty for each (of very
    /// many tasks twenty), and the twenty best of each task. Of more tasks than have room so those are left whose
    /// meta-features are nearest, and so it is beyond 200,000 evaluations (those so far off that they all count alike in
    /// the order of their keys). Tasks that rank nothing, because all that was evaluated came
    /// out alike or nothing was finished, are dropped.
    ///
    /// Errors with [`Error::UnequalLength`], [`Error::DuplicateTask`], and [`Error::BadConfiguration`] where a
    /// configuration is no point of the problem's space.
    pub fn new(
        problem: &Problem,
        meta_features: Option<MetaFeatures>,
        tasks: Vec<PastTask>,
        options: Options,
    ) -> Result<Self, Error> {
        let mut keys = HashSet::new();
        for task in &tasks {
            check(task, &problem.space)?;
            if !keys.insert(task.key.as_str()) {
                return Err(Error::DuplicateTask { task: task.key.clone() });
            }
        }
        // In an order that does not hang on the archive's.
        let mut tasks: Vec<PastTask> = tasks.into_iter().map(without_duplicates).collect();
        tasks.sort_by(|a, b| a.key.cmp(&b.key));
        let tasks: Vec<PastTask> = tasks.into_iter().filter(ranks).collect();
        let mut tasks = nearest_first(tasks, meta_features.as_ref());
        thin(&mut tasks);
        let mut n_evaluations = 0;
        let mut fits = |task: &PastTask| {
            n_evaluations += task.configurations.len();
            n_evaluations <= MAX_EVALUATIONS
        };
        tasks.truncate(tasks.iter().take_while(|task| fits(task)).count());
        tasks.sort_by(|a, b| a.key.cmp(&b.key));
        let (space, fidelity) = (problem.space.spec().clone(), problem.full_fidelity());
        Ok(Self { space, fidelity, meta_features, tasks, options })
    }

    /// The same, with transferred trials of the size at which the search begins its own: of one that goes on with the
    /// best of many small trainings they are small too.
    #[must_use]
    pub fn beginning_at(self, fidelity: Fidelity) -> Self {
        Self { fidelity, ..self }
    }

    /// The warm start that this knowledge makes.
    ///
    /// Errors with [`Error::Space`] when a recorded space no longer compiles.
    pub fn warm_start(&self) -> Result<Transfer, Error> {
        Transfer::new(self)
    }

    /// How many past tasks there are.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// How many evaluations of a task are known, by its key.
    pub fn n_evaluations(&self, key: &str) -> usize {
        self.tasks.iter().filter(|task| task.key == key).map(|task| task.n_evaluations).sum()
    }
}

fn check_length(task: &PastTask) -> Result<(), Error> {
    let (configurations, objectives) = (task.configurations.len(), task.objectives.len());
    if configurations == objectives {
        return Ok(());
    }
    Err(Error::UnequalLength { task: task.key.clone(), configurations, objectives })
}

fn check(task: &PastTask, space: &Space) -> Result<(), Error> {
    check_length(task)?;
    for (row, configuration) in task.configurations.iter().enumerate() {
        let bad = |source| Error::BadConfiguration { task: task.key.clone(), row, source };
        space.check(configuration).map_err(bad)?;
    }
    Ok(())
}

/// Whether a task says of any two configurations which is better.
fn ranks(task: &PastTask) -> bool {
    task.objectives.windows(2).any(|pair| pair[0] != pair[1])
}

/// One row a configuration: the mean of its finite objectives, or a failure where at least half of its evaluations
/// failed.
fn without_duplicates(mut task: PastTask) -> PastTask {
    let mut places: HashMap<Configuration, usize> = HashMap::with_capacity(task.configurations.len());
    let mut configurations = Vec::new();
    let mut sums: Vec<(f64, usize, usize)> = Vec::new();
    for (configuration, objective) in task.configurations.into_iter().zip(&task.objectives) {
        let place = *places.entry(configuration).or_insert_with_key(|configuration| {
            configurations.push(configuration.clone());
            sums.push((0.0, 0, 0));
            sums.len() - 1
        });
        let (sum, n_finished, n_failed) = &mut sums[place];
        match objective.filter(|objective| objective.is_finite()) {
            Some(objective) => {
                *sum += objective;
                *n_finished += 1;
            }
            None => *n_failed += 1,
        }
    }
    task.configurations = configurations;
    let mean = |(sum, n_finished, n_failed)| (n_finished > n_failed).then(|| sum / n_finished as f64);
    task.objectives = sums.into_iter().map(mean).collect();
    task
}

/// Thins tasks, of which the nearest come first: to configurations with the smallest hashes (a draw that depends on nothing
/// else, so that what was recorded for all stays comparable), but so many for each task as it is known by, lest a
/// large one crowds the others out, and each task's best. Of more tasks than have room so the farthest are dropped.
fn thin(tasks: &mut Vec<PastTask>) {
    let all: HashSet<&Configuration> = tasks.iter().flat_map(|task| &task.configurations).collect();
    if all.len() <= MAX_CONFIGURATIONS {
        return;
    }
    let drawn: Vec<Vec<&Configuration>> = tasks.iter().map(|task| by_hash(&task.configurations)).collect();
    let n_of_each = (MAX_CONFIGURATIONS / tasks.len()).clamp(N_BEST_KEPT, N_KNOWN_BY);
    let mut kept: HashSet<&Configuration> = HashSet::new();
    let mut n_tasks = 0;
    for drawn in &drawn {
        let more = drawn.iter().take(n_of_each).filter(|configuration| !kept.contains(**configuration));
        if n_tasks > 0 && kept.len() + more.count() > MAX_CONFIGURATIONS {
            break;
        }
        kept.extend(drawn.iter().take(n_of_each));
        n_tasks += 1;
    }
    let all: HashSet<&Configuration> = drawn[..n_tasks].iter().flatten().copied().collect();
    for configuration in by_hash(all) {
        if kept.len() >= MAX_CONFIGURATIONS {
            break;
        }
        kept.insert(configuration);
    }
    let mut kept: HashSet<Configuration> = kept.into_iter().cloned().collect();
    tasks.truncate(n_tasks);
    for task in &*tasks {
        kept.extend(task.best(N_BEST_KEPT).into_iter().cloned());
    }
    for task in tasks {
        let rows =
            std::mem::take(&mut task.configurations).into_iter().zip(std::mem::take(&mut task.objectives));
        (task.configurations, task.objectives) =
            rows.filter(|(configuration, _)| kept.contains(configuration)).unzip();
    }
}

fn by_hash<'a>(configurations: impl IntoIterator<Item = &'a Configuration>) -> Vec<&'a Configuration> {
    let mut drawn: Vec<([u8; 32], &Configuration)> =
        configurations.into_iter().map(|c| (hash(c), c)).collect();
    drawn.sort_unstable_by_key(|(hash, _)| *hash);
    drawn.into_iter().map(|(_, configuration)| configuration).collect()
}

impl PastTask {
    /// Its `n` best configurations, the best first.
    pub(crate) fn best(&self, n: usize) -> Vec<&Configuration> {
        let mut best: Vec<(f64, &Configuration)> = self
            .objectives
            .iter()
            .zip(&self.configurations)
            .filter_map(|(objective, configuration)| objective.map(|objective| (objective, configuration)))
            .collect();
        best.sort_by(|a, b| a.0.total_cmp(&b.0));
        best.into_iter().take(n).map(|(_, configuration)| configuration).collect()
    }
}

/// In the order of how near tasks are to the new one, itself before all.
fn nearest_first(tasks: Vec<PastTask>, meta_features: Option<&MetaFeatures>) -> Vec<PastTask> {
    let described: Vec<_> = tasks.iter().map(|task| task.meta_features.as_ref()).collect();
    let nearness = nearness(meta_features, &described);
    let mut tasks: Vec<(f64, PastTask)> = nearness.into_iter().zip(tasks).collect();
    tasks.sort_by(|a, b| b.1.is_own.cmp(&a.1.is_own).then(b.0.total_cmp(&a.0)));
    tasks.into_iter().map(|(_, task)| task).collect()
}

/// How knowledge is written: each configuration once, for most past tasks evaluated the same ones.
#[derive(Serialize, Deserialize)]
struct Written {
    space: SpaceSpec,
    fidelity: Fidelity,
    meta_features: Option<MetaFeatures>,
    /// Absent where an earlier version wrote it.
    #[serde(default)]
    configurations: Vec<Configuration>,
    tasks: Vec<WrittenTask>,
    options: Options,
}

#[derive(Serialize, Deserialize)]
struct WrittenTask {
    /// Without its configurations, unless an earlier version wrote it.
    #[serde(flatten)]
    task: PastTask,
    /// Their places among those of all tasks, `[n]`.
    #[serde(default)]
    places: Vec<usize>,
}

impl From<Knowledge> for Written {
    fn from(knowledge: Knowledge) -> Self {
        let (mut known, mut configurations) = (HashMap::new(), Vec::new());
        let mut place = |configuration: Configuration| {
            *known.entry(configuration).or_insert_with_key(|configuration| {
                configurations.push(configuration.clone());
                configurations.len() - 1
            })
        };
        let task = |mut task: PastTask| {
            let places = std::mem::take(&mut task.configurations).into_iter().map(&mut place).collect();
            WrittenTask { task, places }
        };
        let tasks = knowledge.tasks.into_iter().map(task).collect();
        let Knowledge { space, fidelity, meta_features, options, .. } = knowledge;
        Self { space, fidelity, meta_features, configurations, tasks, options }
    }
}

impl TryFrom<Written> for Knowledge {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        let Written { space, fidelity, meta_features, configurations, tasks, options } = written;
        let task = |WrittenTask { mut task, places }: WrittenTask| {
            let known = |place: usize| configurations.get(place).cloned();
            task.configurations.extend(places.into_iter().filter_map(known));
            check_length(&task)?;
            Ok(task)
        };
        let tasks = tasks.into_iter().map(task).collect::<Result<_, Error>>()?;
        Ok(Self { space, fidelity, meta_features, tasks, options })
    }
}

/// A number for a configuration's place among others that depends on nothing else.
pub(crate) fn hash(configuration: &Configuration) -> [u8; 32] {
    let mut hasher = Sha256::new();
    configuration.values().iter().for_each(|value| hasher.update(value.to_le_bytes()));
    hasher.finalize().into()
}
