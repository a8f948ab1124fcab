//! Collects the recorded evaluations of one task in one space into a run.

use std::collections::BTreeMap;

use heirloom_model::{FailureKind, Outcome, SpaceHash};
use sha2::{Digest, Sha256};

use crate::{BATCH, Evaluations, RunContents, RunHeader, RunId, RunState};

/// A run in the making. Its id follows from its task, space and every number in it, and from no file's name.
pub(super) struct Recording {
    header: RunHeader,
    hasher: Sha256,
    /// As ids were made while the source counted: what was imported then is known by it.
    older: Sha256,
    full: Vec<Evaluations>,
    open: Evaluations,
}

impl Recording {
    pub(super) fn new(header: RunHeader, space: &SpaceHash) -> Self {
        let hash_of = |texts: &[&str]| {
            let mut hasher = Sha256::new();
            for text in texts {
                hasher.update((text.len() as u64).to_le_bytes());
                hasher.update(text);
            }
            hasher
        };
        let source = header.source.as_deref().unwrap_or_default();
        let (key, objective) = (header.task.key.as_str(), header.objectives[0].name.as_str());
        let hasher = hash_of(&[key, &space.0, objective]);
        let older = hash_of(&[key, source, &space.0, objective]);
        Self { header, hasher, older, full: Vec::new(), open: Evaluations::default() }
    }

    /// Adds an evaluation that measured something.
    pub(super) fn measured(&mut self, configuration: &[f64], fidelity: &[f64], outcome: &Outcome) {
        let n = self.open.len();
        self.row(configuration, fidelity, &outcome.objectives, outcome.cost_seconds, 0);
        for (name, value) in &outcome.metrics {
            let column = self.open.metrics.entry(name.clone()).or_default();
            column.resize(n, f64::NAN);
            column.push(*value);
        }
        self.close_full();
    }

    /// Adds an evaluation that failed.
    pub(super) fn failed(
        &mut self,
        configuration: &[f64],
        fidelity: &[f64],
        kind: FailureKind,
        cost_seconds: f64,
    ) {
        let objectives = vec![f64::NAN; self.header.objectives.len()];
        self.row(configuration, fidelity, &objectives, cost_seconds, kind.code());
        self.close_full();
    }

    /// The run as it is kept, and the id that it may have been kept under before.
    pub(super) fn finish(mut self) -> (RunContents, RunId) {
        self.close();
        let id = RunId::from_content(&self.hasher.finalize().into());
        let older = RunId::from_content(&self.older.finalize().into());
        let run = RunContents {
            id,
            header: self.header,
            state: RunState::Imported,
            steps: 0,
            withdrawn: None,
            trials: Vec::new(),
            attempts: Vec::new(),
            curves: Vec::new(),
            evaluations: self.full,
        };
        (run, older)
    }

    fn row(
        &mut self,
        configuration: &[f64],
        fidelity: &[f64],
        objectives: &[f64],
        cost_seconds: f64,
        failure: u8,
    ) {
        self.open.configurations.extend_from_slice(configuration);
        self.open.fidelities.extend_from_slice(fidelity);
        self.open.objectives.extend_from_slice(objectives);
        self.open.cost_seconds.push(cost_seconds);
        self.open.failures.push(failure);
    }

    fn close_full(&mut self) {
        if self.open.len() == BATCH {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.open);
        let n = batch.len();
        batch.metrics.values_mut().for_each(|column| column.resize(n, f64::NAN));
        let mut update = |bytes: &[u8]| {
            self.hasher.update(bytes);
            self.older.update(bytes);
        };
        for column in [&batch.configurations, &batch.fidelities, &batch.objectives, &batch.cost_seconds] {
            update(&crate::pack::numbers(column));
        }
        update(&batch.failures);
        for (name, column) in &batch.metrics {
            update(name.as_bytes());
            update(&crate::pack::numbers(column));
        }
        self.full.push(batch);
    }
}

/// Meta-features from names and numbers; what is not finite is left out.
pub(super) fn features(pairs: impl IntoIterator<Item = (String, f64)>) -> BTreeMap<String, f64> {
    pairs.into_iter().filter(|(_, value)| value.is_finite()).collect()
}
