//! The store's operations, each on the connection it belongs to.

use std::time::Duration;

use heirloom_model::{CurvePoint, Event, SpaceHash, SpaceSpec, TrialId};

use super::{SqliteStore, artifact, attempt, check, contents, events, read, trials};
use crate::{
    ArtifactReference, AttemptRecord, Claim, Evaluations, Finding, MetaFeatures, Result, RunContents,
    RunHeader, RunId, RunState, RunSummary, Stats, Store, Task, TrialRecord, pack,
};

impl Store for SqliteStore {
    fn begin_run(&self, run: RunId, header: &RunHeader) -> Result<()> {
        let header = header.clone();
        self.write(move |db| contents::insert_run(db, run, &header, RunState::Running, (0, 0)).map(|_| ()))
    }

    fn append(&self, run: RunId, events: &[Event]) -> Result<()> {
        let events = events.to_vec();
        self.write(move |db| events::append(db, run, &events))
    }

    fn set_run_state(&self, run: RunId, state: RunState) -> Result<()> {
        self.write(move |db| contents::set_state(db, run, state))
    }

    fn withdraw(&self, run: RunId, reason: Option<&str>) -> Result<()> {
        let reason = reason.map(str::to_owned);
        self.write(move |db| contents::withdraw(db, run, reason.as_deref()))
    }

    fn put_run(&self, run: RunContents) -> Result<bool> {
        // Packed here: while the writing thread works, every other writer waits.
        let batches = run.evaluations.iter().filter(|batch| !batch.is_empty());
        let packed: Vec<_> =
            batches.map(|batch| Ok((batch.len(), pack::evaluations(batch)?))).collect::<Result<_>>()?;
        self.write(move |db| contents::put(db, &run, &packed))
    }

    fn contents(&self, run: RunId) -> Result<RunContents> {
        self.read(|db| contents::get(db, run))
    }

    fn runs(&self) -> Result<Vec<RunSummary>> {
        self.read(read::runs)
    }

    fn header(&self, run: RunId) -> Result<RunHeader> {
        self.read(|db| read::header(db, run))
    }

    fn trials(&self, run: RunId, visit: &mut dyn FnMut(TrialRecord) -> Result<()>) -> Result<()> {
        self.read(|db| trials::visit(db, run, visit))
    }

    fn curves(
        &self,
        run: RunId,
        visit: &mut dyn FnMut(TrialId, Vec<CurvePoint>) -> Result<()>,
    ) -> Result<()> {
        self.read(|db| trials::visit_curves(db, run, visit))
    }

    fn attempts(&self, run: RunId) -> Result<Vec<AttemptRecord>> {
        self.read(|db| attempt::list(db, run))
    }

    fn recorded(&self, run: RunId, visit: &mut dyn FnMut(Evaluations) -> Result<()>) -> Result<()> {
        self.read(|db| read::recorded(db, run, visit))
    }

    fn tasks(&self) -> Result<Vec<Task>> {
        self.read(read::tasks)
    }

    fn put_task(&self, task: &Task) -> Result<()> {
        let task = task.clone();
        self.write(move |db| contents::put_task(db, &task).map(|_| ()))
    }

    fn meta_features(&self, task: &str) -> Result<Vec<MetaFeatures>> {
        self.read(|db| read::meta_features(db, task))
    }

    fn put_meta_features(&self, task: &str, set: &MetaFeatures) -> Result<()> {
        let (task, set) = (task.to_owned(), set.clone());
        self.write(move |db| contents::put_meta_features(db, &task, &set))
    }

    fn space(&self, hash: &SpaceHash) -> Result<Option<SpaceSpec>> {
        self.read(|db| read::space(db, hash))
    }

    fn claim(&self, run: RunId, worker: &str, lease: Duration) -> Result<Option<Claim>> {
        let worker = worker.to_owned();
        self.write(move |db| attempt::claim(db, run, &worker, lease))
    }

    fn renew(&self, claim: &Claim) -> Result<()> {
        let claim = claim.clone();
        self.write(move |db| attempt::renew(db, &claim))
    }

    fn expire(&self, run: RunId) -> Result<u64> {
        self.write(move |db| attempt::expire(db, run))
    }

    fn put_artifact(&self, run: RunId, trial: Option<TrialId>, name: &str, bytes: &[u8]) -> Result<String> {
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        self.write(move |db| artifact::put(db, run, trial, &name, &bytes))
    }

    fn artifact(&self, hash: &str) -> Result<Vec<u8>> {
        self.read(|db| artifact::get(db, hash))
    }

    fn artifacts(&self, run: RunId) -> Result<Vec<ArtifactReference>> {
        self.read(|db| artifact::list(db, run))
    }

    fn drop_artifact(&self, run: RunId, trial: Option<TrialId>, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write(move |db| artifact::drop_reference(db, run, trial, &name))
    }

    fn collect(&self) -> Result<u64> {
        self.write(artifact::collect)
    }

    fn stats(&self) -> Result<Stats> {
        let file_bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len())
            + std::fs::metadata(super::log_of(&self.path)).map_or(0, |file| file.len());
        self.read(|db| Ok(Stats { file_bytes, ..read::stats(db)? }))
    }

    fn check(&self) -> Result<Vec<Finding>> {
        self.read(check::check)
    }
}
