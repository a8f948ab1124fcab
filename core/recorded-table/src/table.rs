//! The table in memory: what is asked of it, once [`open`] has made sense of its files.

mod known;
mod open;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use heirloom_model::{
    Configuration, CurvePoint, Failure, FailureKind, Fidelity, FidelityDimension, Objective, Outcome, Space,
};

use crate::Result;
use crate::measured::Measurements;

/// Recorded evaluations of configurations on tasks.
#[derive(Debug)]
pub struct RecordedTable {
    name: String,
    source: String,
    licence: String,
    space: Arc<Space>,
    objectives: Vec<Objective>,
    fidelity: Option<FidelityDimension>,
    tasks: Vec<Task>,
    configurations: Vec<Configuration>,
    /// Every known configuration, isomorphs included, to its place in `configurations`.
    by_configuration: HashMap<Configuration, u32>,
    /// Task and configuration, `[n_entries]`, in the order of the file.
    entries: Vec<(u32, u32)>,
    by_entry: HashMap<(u32, u32), u32>,
    measurements: Measurements,
}

/// A task of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name, as it stands in the table.
    pub name: String,
    /// The meta-features that are known of it, by name.
    pub meta_features: BTreeMap<String, f64>,
}

/// One recorded evaluation: a configuration, trained once on a task at one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation<'a> {
    /// The place of the task in [`RecordedTable::tasks`].
    pub task: usize,
    /// The place of the configuration in [`RecordedTable::configurations`].
    pub configuration_index: usize,
    /// The configuration.
    pub configuration: &'a Configuration,
    /// The size: empty where the table has only one.
    pub fidelity: Fidelity,
    /// Which training this is, from 0: its seed, as far as the table tells. Where each has rows of its own, they are
    /// numbered over the whole table, as they first come.
    pub training: usize,
    /// What was measured, with the learning curve where the table has one, or why nothing was.
    pub result: std::result::Result<Outcome, Failure>,
}

impl Evaluation<'_> {
    /// What a training of `table` had measured before it failed; empty where the table has no learning curves.
    pub fn curve_to_failure(&self, table: &RecordedTable) -> Vec<CurvePoint> {
        let entry = table.find(self.task, self.configuration);
        let curve = |(entry, level): (Entry<'_>, usize)| entry.curve(level, Some(self.training));
        entry.zip(table.level_of(&self.fidelity)).map(curve).unwrap_or_default()
    }
}

impl RecordedTable {
    /// Opens the table that a descriptor describes.
    ///
    /// * `path`: a folder with a `table.toml`, or such a file of any name.
    ///
    /// Reads all of the files that are named. Errors with the descriptor's place, or the file's row, of what does
    /// not fit.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        open::open(path.as_ref())
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the table comes from, for people; may be empty.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The licence of its numbers, for people; may be empty.
    pub fn licence(&self) -> &str {
        &self.licence
    }

    /// The space of its configurations.
    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// What was measured to be optimised, `[n_objectives]`.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// The sizes of evaluations, where there is more than one.
    pub fn fidelity(&self) -> Option<&FidelityDimension> {
        self.fidelity.as_ref()
    }

    /// The tasks, in the order of the file.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The place of a task in [`tasks`](Self::tasks).
    pub fn task_index(&self, name: &str) -> Option<usize> {
        self.tasks.iter().position(|task| task.name == name)
    }

    /// The configurations that were trained on some task; of isomorphic ones the one that was.
    pub fn configurations(&self) -> &[Configuration] {
        &self.configurations
    }

    /// How many pairs of a task and a configuration are recorded.
    pub fn n_entries(&self) -> usize {
        self.entries.len()
    }

    /// What is recorded of a configuration on a task. Constant time.
    pub fn find(&self, task: usize, configuration: &Configuration) -> Option<Entry<'_>> {
        let &configuration = self.by_configuration.get(configuration)?;
        let &index = self.by_entry.get(&(u32::try_from(task).ok()?, configuration))?;
        Some(Entry { table: self, index: index as usize })
    }

    /// All that is recorded, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.entries.len()).map(|index| Entry { table: self, index })
    }

    /// Every single evaluation: each training at each size. Where smaller sizes are points of one learning curve,
    /// each training once, at the largest size that is recorded of it.
    pub fn evaluations(&self) -> impl Iterator<Item = Evaluation<'_>> {
        self.entries().flat_map(Entry::evaluations)
    }

    /// The level of a size: the largest for an empty one, `None` for a size that is not recorded.
    pub fn level_of(&self, fidelity: &Fidelity) -> Option<usize> {
        let levels = &self.measurements.levels;
        match fidelity.0.as_slice() {
            [] => Some(levels.len() - 1),
            [wanted] => levels.iter().position(|level| (level.at - wanted).abs() <= 1e-9 * level.at.abs()),
            _ => None,
        }
    }
}

/// What is recorded of one configuration on one task.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    table: &'a RecordedTable,
    index: usize,
}

impl<'a> Entry<'a> {
    /// The place of the task in [`RecordedTable::tasks`].
    pub fn task(self) -> usize {
        self.table.entries[self.index].0 as usize
    }

    /// The place of the configuration in [`RecordedTable::configurations`].
    pub fn configuration_index(self) -> usize {
        self.table.entries[self.index].1 as usize
    }

    /// The configuration that was trained.
    pub fn configuration(self) -> &'a Configuration {
        &self.table.configurations[self.configuration_index()]
    }

    /// The trainings that are recorded at a level (see [`RecordedTable::level_of`]); empty where there are none.
    pub fn trainings(self, level: usize) -> Vec<usize> {
        self.table.measurements.trainings(self.index, level)
    }

    /// What one training measured at a level, or with `None` the mean over its trainings.
    ///
    /// A failure of kind [`Diverged`](FailureKind::Diverged) where the table has no finite number for an objective,
    /// [`Rejected`](FailureKind::Rejected) where it has no row for this level. Of costs and metrics
    /// the mean is over the trainings that have a finite one; where none has, the cost is 0 and the metric left out.
    pub fn outcome(self, level: usize, training: Option<usize>) -> std::result::Result<Outcome, Failure> {
        let table = self.table;
        let found = table.measurements.outcome(&table.objectives, self.index, level, training);
        found.unwrap_or_else(|| {
            let at = table.measurements.levels[level].at;
            let name = table.fidelity.as_ref().map_or("", |dimension| dimension.name.as_str());
            let message =
                format!("`{}` records nothing for this configuration at `{name} = {at}`", table.name);
            Err(Failure::new(FailureKind::Rejected, message))
        })
    }

    /// The learning curve up to a level, also of a training that diverged later; empty where the table has none.
    pub fn curve(self, level: usize, training: Option<usize>) -> Vec<CurvePoint> {
        self.table.measurements.curve(&self.table.objectives, self.index, level, training)
    }

    fn evaluations(self) -> impl Iterator<Item = Evaluation<'a>> {
        let measurements = &self.table.measurements;
        let mut ended = BTreeSet::new();
        measurements.levels_of(self.index).rev().flat_map(move |level| {
            let mut trainings = self.trainings(level);
            if measurements.is_curve {
                // One that was stopped early has its last point at a smaller size than the others.
                trainings.retain(|&training| ended.insert(training));
            }
            trainings.into_iter().map(move |training| self.evaluation(level, training))
        })
    }

    fn evaluation(self, level: usize, training: usize) -> Evaluation<'a> {
        let at = self.table.measurements.levels[level].at;
        Evaluation {
            task: self.task(),
            configuration_index: self.configuration_index(),
            configuration: self.configuration(),
            fidelity: Fidelity(self.table.fidelity.iter().map(|_| at).collect()),
            training,
            result: self.outcome(level, Some(training)),
        }
    }
}

#[cfg(test)]
mod tests;
