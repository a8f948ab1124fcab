//! Recorded tables: Parquet or CSV files that a small descriptor explains.

use heirloom_model::{CurvePoint, FailureKind, Outcome};
use heirloom_recorded_table::RecordedTable;

use super::recording::{Recording, features};
use super::{Import, ImportReport};
use crate::{Archive, MetaFeatures, Result, RunHeader, Task};

impl Archive {
    /// Keeps all that a table records: one run for each of its tasks, under the task key `TABLE/TASK`.
    ///
    /// Each training counts as an evaluation, and so does each point of a learning curve, at its own fidelity.
    pub fn import_table(&self, table: &RecordedTable) -> Result<ImportReport> {
        let mut import = Import::new(self)?;
        let mut recordings: Vec<Recording> = (0..table.tasks().len())
            .map(|task| Recording::new(header(table, task), table.space().hash()))
            .collect();
        for evaluation in table.evaluations() {
            let recording = &mut recordings[evaluation.task];
            let (configuration, size) = (evaluation.configuration.values(), &evaluation.fidelity.0);
            let mut points = |points: &[CurvePoint]| {
                for point in points {
                    let there = Outcome::new(point.objectives.clone(), point.cost_seconds);
                    recording.measured(configuration, &[point.step], &there);
                }
            };
            match &evaluation.result {
                Ok(outcome) => {
                    // The last point is the outcome itself.
                    points(outcome.curve.split_last().map_or(&[], |(_, before)| before));
                    recording.measured(configuration, size, outcome);
                }
                Err(failure) if failure.kind == FailureKind::Rejected => import.report.n_left_out += 1,
                Err(failure) => {
                    points(&evaluation.curve_to_failure(table));
                    recording.failed(configuration, size, failure.kind, failure.cost_seconds);
                }
            }
        }
        for (task, recording) in table.tasks().iter().zip(recordings) {
            import.keep_recording(recording)?;
            let features = features(task.meta_features.clone());
            if !features.is_empty() {
                let key = key_of(table, &task.name);
                let version = format!("{} (recorded)", table.name());
                self.put_meta_features(&key, &MetaFeatures { version, features, ..MetaFeatures::default() })?;
            }
        }
        Ok(import.finish())
    }
}

fn key_of(table: &RecordedTable, task: &str) -> String {
    format!("{}/{task}", table.name())
}

fn header(table: &RecordedTable, task: usize) -> RunHeader {
    let task_name = &table.tasks()[task].name;
    let task = Task {
        key: key_of(table, task_name),
        name: task_name.clone(),
        metric: table.objectives()[0].name.clone(),
        ..Task::default()
    };
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    RunHeader {
        name: task.key.clone(),
        fidelities: table.fidelity().cloned().into_iter().collect(),
        configuration: serde_json::json!({ "imported": { "table": table.name() } }),
        source: said(table.source()).or_else(|| said(table.name())),
        licence: said(table.licence()),
        ..RunHeader::new(task, table.space().spec().clone(), table.objectives().to_vec())
    }
}
