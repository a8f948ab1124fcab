//! What a database must do to hold an archive.

use std::time::Duration;

use heirloom_model::{CurvePoint, Event, SpaceHash, SpaceSpec, TrialId};

use crate::{
    ArtifactReference, AttemptRecord, Claim, Evaluations, Finding, MetaFeatures, Result, RunContents,
    RunHeader, RunId, RunState, RunSummary, Stats, Task, TrialRecord,
};

/// The storage of an archive: what callers need, in their words, so that another database can follow.
///
/// Every write is atomic, and durable when it returns. Reads see only what was committed, never wait for a
/// writer, and see one state throughout a call. Calls may come from any thread.
///
/// An implementation is right when [`storage_conformance`](crate::conformance::storage_conformance) passes.
pub trait Store: Send + Sync {
    /// Keeps a run's header, with its task and space; the task under a key beside its own
    /// (see [`Archive::known_as`](crate::Archive::known_as)) where that stands for other data meanwhile.
    fn begin_run(&self, run: RunId, header: &RunHeader) -> Result<()>;

    /// Keeps events of a run in their order, all or none.
    ///
    /// Refuses a trial number that is there already, a report of an attempt that is not the newest or of a trial
    /// that has ended, and a second telling. A report renews its attempt's lease.
    fn append(&self, run: RunId, events: &[Event]) -> Result<()>;

    /// Says where a run stands.
    fn set_run_state(&self, run: RunId, state: RunState) -> Result<()>;

    /// Says why nothing shall be learned from a run, or with `None` that it counts again. It keeps all that it has.
    fn withdraw(&self, run: RunId, reason: Option<&str>) -> Result<()>;

    /// Keeps a whole run. Returns false, and keeps nothing, where the archive has it already in this state or a
    /// newer one; an older copy is replaced, unless it went on otherwise ([`ArchiveError::Diverged`]). A run that is
    /// withdrawn here or there is so afterwards.
    ///
    /// [`ArchiveError::Diverged`]: crate::ArchiveError::Diverged
    fn put_run(&self, contents: RunContents) -> Result<bool>;

    /// A whole run, to be kept elsewhere. Curves of trials that have not ended are left out.
    fn contents(&self, run: RunId) -> Result<RunContents>;

    /// All runs that can be read: imported ones first, then the oldest first.
    fn runs(&self) -> Result<Vec<RunSummary>>;

    /// A run's header.
    fn header(&self, run: RunId) -> Result<RunHeader>;

    /// Visits a run's trials with history, by number.
    fn trials(&self, run: RunId, visit: &mut dyn FnMut(TrialRecord) -> Result<()>) -> Result<()>;

    /// Visits the learning curves of a run's trials, by trial number: of an ended trial its curve, of a running
    /// one what its newest attempt reported so far.
    fn curves(&self, run: RunId, visit: &mut dyn FnMut(TrialId, Vec<CurvePoint>) -> Result<()>)
    -> Result<()>;

    /// All attempts at a run's trials, by trial and number.
    fn attempts(&self, run: RunId) -> Result<Vec<AttemptRecord>>;

    /// Visits a run's evaluations without history, in batches.
    fn recorded(&self, run: RunId, visit: &mut dyn FnMut(Evaluations) -> Result<()>) -> Result<()>;

    /// All tasks, by key.
    fn tasks(&self) -> Result<Vec<Task>>;

    /// Keeps a task; one of the same key stays as it is, but gets fingerprint, kind and target where it has no
    /// fingerprint yet.
    fn put_task(&self, task: &Task) -> Result<()>;

    /// The descriptions of a task, one for each version.
    fn meta_features(&self, task: &str) -> Result<Vec<MetaFeatures>>;

    /// Keeps a description of a task, in place of an earlier one of the same version.
    fn put_meta_features(&self, task: &str, set: &MetaFeatures) -> Result<()>;

    /// The space with this identity.
    fn space(&self, hash: &SpaceHash) -> Result<Option<SpaceSpec>>;

    /// Gives a worker the first trial of a run that is pending, lost, or whose lease has expired.
    fn claim(&self, run: RunId, worker: &str, lease: Duration) -> Result<Option<Claim>>;

    /// Renews a claim; refused once another attempt has begun or the trial has ended.
    fn renew(&self, claim: &Claim) -> Result<()>;

    /// Marks trials whose leases have expired as lost. Returns how many.
    fn expire(&self, run: RunId) -> Result<u64>;

    /// Keeps bytes under their hash, and what they are to a trial or run. Returns the hash.
    fn put_artifact(&self, run: RunId, trial: Option<TrialId>, name: &str, bytes: &[u8]) -> Result<String>;

    /// The bytes with this hash, checked against it.
    fn artifact(&self, hash: &str) -> Result<Vec<u8>>;

    /// The artifacts of a run.
    fn artifacts(&self, run: RunId) -> Result<Vec<ArtifactReference>>;

    /// Drops a reference to an artifact; the bytes go at the next [`collect`](Self::collect).
    fn drop_artifact(&self, run: RunId, trial: Option<TrialId>, name: &str) -> Result<()>;

    /// Deletes artifacts that nothing refers to. Returns how many.
    fn collect(&self) -> Result<u64>;

    /// How much there is.
    fn stats(&self) -> Result<Stats>;

    /// Looks for torn or inconsistent records.
    fn check(&self) -> Result<Vec<Finding>>;
}
