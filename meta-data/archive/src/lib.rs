#![doc = include_str!("../README.md")]

mod error;
pub use error::{ArchiveError, Result};

mod record;
pub use record::{
    ArtifactReference, AttemptRecord, Claim, Evaluations, Finding, MergeReport, MetaFeatures, RunContents,
    RunHeader, RunId, RunState, RunSummary, Stats, Task, TrialRecord, TrialState,
};

mod store;
pub use store::Store;

mod archive;
pub use archive::{Archive, RunRecorder};

mod past;
pub use past::{PastFilter, PastTask, names_task, size_to_compare_at};

mod import;
pub use import::{ImportReport, Provenance};

mod export;
pub use export::ExportFormat;

pub mod conformance;

mod disk;
pub use disk::open_lock;
mod pack;
mod sqlite;

/// Evaluations in one packed batch: large enough to compress well, small enough to hold many in memory.
const BATCH: usize = 8192;
