//! The records of an archive, as callers see them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use heirloom_model::{
    Configuration, CurvePoint, Failure, FailureKind, Fidelity, FidelityDimension, Objective, Origin, Outcome,
    Proposal, SpaceHash, SpaceSpec, TrialId,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{ArchiveError, Result};

/// A run's name for machines: a UUID made where the run is made, so that archives merge without clashes.
///
/// Runs of our own have version 7 (they sort by time); imported ones version 8, made from their content, so that
/// importing twice gives one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

impl RunId {
    /// A new run's id.
    #[expect(clippy::new_without_default, reason = "every call gives another id")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id of a run that is known by its content alone.
    pub fn from_content(hash: &[u8; 32]) -> Self {
        let bytes = hash[..16].try_into().expect("16 of 32 bytes");
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = ArchiveError;

    fn from_str(text: &str) -> Result<Self> {
        Uuid::parse_str(text).map(Self).map_err(|_| ArchiveError::NoSuchRun { run: text.into() })
    }
}

/// What a run is about: the unit of comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Task {
    /// Its name for machines, unique in an archive, such as `nasbench201/cifar10`.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// The data set's fingerprint; empty where the data is not at hand.
    pub fingerprint: String,
    /// What is to be learned, such as `classification`.
    pub kind: String,
    /// The target's column; empty where there is none.
    pub target: String,
    /// The objective's name.
    pub metric: String,
}

impl Task {
    /// Whether the two are known to be of different data.
    pub(crate) fn has_other_data(&self, other: &Task) -> bool {
        let is_known = !self.fingerprint.is_empty() && !other.fingerprint.is_empty();
        is_known && self.fingerprint != other.fingerprint
    }

    /// The task under the key that it has where its own stands for other data: with the beginning of its fingerprint.
    pub(crate) fn beside(mut self) -> Self {
        let beginning: String = self.fingerprint.chars().take(8).collect();
        self.key = format!("{}@{beginning}", self.key);
        self
    }
}

/// A task's description by numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetaFeatures {
    /// Which version of which program computed it; sets of other versions are kept beside it.
    pub version: String,
    /// The features. One that could not be computed is left out.
    pub features: BTreeMap<String, f64>,
    /// Seconds that each took, where measured.
    pub cost_seconds: BTreeMap<String, f64>,
}

/// What is known of a run before its first trial.
#[derive(Debug, Clone, PartialEq)]
pub struct RunHeader {
    /// A name for people.
    pub name: String,
    /// What it is about.
    pub task: Task,
    /// What may vary.
    pub space: SpaceSpec,
    /// What is measured; the values of a trial are minimised, whatever the direction.
    pub objectives: Vec<Objective>,
    /// The dimensions of an evaluation's size.
    pub fidelities: Vec<FidelityDimension>,
    /// The checked run file; for an imported run, what was imported.
    pub configuration: serde_json::Value,
    /// The number that its randomness follows from.
    pub seed: u64,
    /// Versions of the program, its libraries and plugins.
    pub versions: BTreeMap<String, String>,
    /// The text of the plugin lock it ran under.
    pub plugin_lock: String,
    /// The run it continues or repeats.
    pub parent: Option<RunId>,
    /// Where it comes from, if not from here.
    pub source: Option<String>,
    /// Under which licence it was published.
    pub licence: Option<String>,
}

impl RunHeader {
    /// Whether an evaluation of this size is a full one.
    pub fn is_full(&self, size: &Fidelity) -> bool {
        size.0.iter().zip(&self.fidelities).all(|(size, dimension)| *size >= dimension.high)
    }

    /// A run of our own, with nothing said that can be left out.
    pub fn new(task: Task, space: SpaceSpec, objectives: Vec<Objective>) -> Self {
        Self {
            name: task.name.clone(),
            task,
            space,
            objectives,
            fidelities: Vec::new(),
            configuration: serde_json::Value::Null,
            seed: 0,
            versions: BTreeMap::new(),
            plugin_lock: String::new(),
            parent: None,
            source: None,
            licence: None,
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunState {
    /// It was begun and not ended: it runs, or its process died and it can be resumed.
    Running,
    /// It ended because its budget was spent or its strategy had nothing left.
    Finished,
    /// Its user ended it; it can be resumed.
    Interrupted,
    /// It could not go on.
    Failed,
    /// Its evaluations come from elsewhere.
    Imported,
}

impl RunState {
    /// All states, in the order of their codes.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Finished, Self::Interrupted, Self::Failed, Self::Imported];

    /// The number that stands for it in an archive; never reused.
    pub fn code(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Finished => 1,
            Self::Interrupted => 2,
            Self::Failed => 3,
            Self::Imported => 4,
        }
    }

    /// The state with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Imported => "imported",
        }
    }
}

/// Where a trial, or one attempt at it, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TrialState {
    /// Proposed, and nobody evaluates it.
    Pending,
    /// Being evaluated.
    Running,
    /// Evaluated to its end.
    Completed,
    /// Ended early by a verdict; what was measured so far counts.
    Stopped,
    /// Without a result, with a reason.
    Failed,
    /// Its worker was not heard of in time; another one may take it over.
    Lost,
}

impl TrialState {
    /// All states, in the order of their codes.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Running, Self::Completed, Self::Stopped, Self::Failed, Self::Lost];

    /// The number that stands for it in an archive; never reused.
    pub fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 1,
            Self::Completed => 2,
            Self::Stopped => 3,
            Self::Failed => 4,
            Self::Lost => 5,
        }
    }

    /// The state with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }

    /// Whether there is a result, or a reason why there is none.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Stopped | Self::Failed)
    }
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// Its name for people.
    pub name: String,
    /// The task's key.
    pub task: String,
    /// The space's identity.
    pub space: SpaceHash,
    /// What is measured.
    pub objectives: Vec<Objective>,
    /// Where it stands.
    pub state: RunState,
    /// How many trials it has; what a proxy filtered out is none.
    pub n_trials: u64,
    /// How many calls of the strategy were recorded: of two copies of a run, the one with more is the newer.
    pub steps: u64,
    /// Where it comes from, if not from here.
    pub source: Option<String>,
    /// Under which licence.
    pub licence: Option<String>,
    /// Why nothing is learned from it, where it was [withdrawn](crate::Store::withdraw).
    pub withdrawn: Option<String>,
}

/// One trial of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRecord {
    /// Its number.
    pub id: TrialId,
    /// What was to be evaluated.
    pub proposal: Proposal,
    /// Who proposed it; `None` where that is not known (imported evaluations).
    pub origin: Option<Origin>,
    /// The proxies' scores.
    pub scores: Vec<(String, f64)>,
    /// Where it stands.
    pub state: TrialState,
    /// The newest attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// What became of it. The curve is left empty: see [`Store::curves`](crate::Store::curves).
    pub result: Option<Result<Outcome, Failure>>,
    /// Wall seconds of the attempt that ended it.
    pub wall_seconds: Option<f64>,
    /// At which step of the run it was proposed.
    pub proposed: u64,
    /// At which step of the run the strategy was told of it.
    pub told: Option<u64>,
}

impl TrialRecord {
    /// Whether a proxy dropped the proposal: it is no trial.
    pub fn is_filtered(&self) -> bool {
        matches!(&self.result, Some(Err(failure)) if failure.kind == FailureKind::Filtered)
    }
}

/// One try at a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// The trial.
    pub trial: TrialId,
    /// Which try, from 1.
    pub number: u32,
    /// Who tries; `None`: the run's own process.
    pub worker: Option<String>,
    /// Where it stands.
    pub state: TrialState,
    /// When it began.
    pub started: SystemTime,
    /// When it ended.
    pub ended: Option<SystemTime>,
}

/// The right to evaluate a trial for a while.
///
/// Every report of the attempt renews it. The attempt's number is its fence: once another worker has taken the
/// trial over, with a higher number, reports under this one are refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// The trial.
    pub trial: TrialId,
    /// Which try it is, from 1.
    pub attempt: u32,
    /// What to evaluate.
    pub proposal: Proposal,
    /// For how long the worker may be silent.
    pub lease: Duration,
}

/// Evaluations in columns, `n` rows: how recorded ones are kept, and how past ones are read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluations {
    /// Configurations, `[n, d]`, row by row.
    pub configurations: Vec<f64>,
    /// Sizes, `[n, n_fidelities]`, row by row.
    pub fidelities: Vec<f64>,
    /// Objectives, minimised, `[n, n_objectives]`, row by row; NaN where the evaluation failed.
    pub objectives: Vec<f64>,
    /// Seconds, `[n]`.
    pub cost_seconds: Vec<f64>,
    /// The code of why an evaluation failed, `[n]`; 0 where it did not.
    pub failures: Vec<u8>,
    /// What else was measured, `[n]` each; NaN where it was not.
    pub metrics: BTreeMap<String, Vec<f64>>,
}

impl Evaluations {
    /// How many evaluations these are.
    pub fn len(&self) -> usize {
        self.cost_seconds.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cost_seconds.is_empty()
    }

    /// The evaluations as trials, the first with the number `first`.
    pub fn trials(&self, first: u64) -> impl Iterator<Item = TrialRecord> {
        let n = self.len().max(1);
        let row = move |column: &[f64], place: usize| {
            let width = column.len() / n;
            column[place * width..][..width].to_vec()
        };
        (0..self.len()).map(move |place| {
            let cost_seconds = self.cost_seconds[place];
            let result = match FailureKind::from_code(self.failures[place]) {
                Some(kind) => Err(Failure { cost_seconds, ..Failure::new(kind, "") }),
                None => {
                    let metrics = self.metrics.iter().map(|(name, column)| (name.clone(), column[place]));
                    let outcome = Outcome::new(row(&self.objectives, place), cost_seconds);
                    Ok(Outcome { metrics: metrics.collect(), ..outcome })
                }
            };
            let configuration = Configuration::new(row(&self.configurations, place));
            let number = first + place as u64;
            TrialRecord {
                id: TrialId(number),
                proposal: Proposal::new(configuration, Fidelity(row(&self.fidelities, place))),
                origin: None,
                scores: Vec::new(),
                state: if result.is_err() { TrialState::Failed } else { TrialState::Completed },
                attempt: 0,
                result: Some(result),
                wall_seconds: None,
                proposed: number,
                told: None,
            }
        })
    }
}

/// A whole run as it moves between archives, or comes in from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct RunContents {
    /// Its id.
    pub id: RunId,
    /// What is known of it.
    pub header: RunHeader,
    /// Where it stands.
    pub state: RunState,
    /// Calls of the strategy so far.
    pub steps: u64,
    /// Why nothing is learned from it, where it was withdrawn.
    pub withdrawn: Option<String>,
    /// Trials with their history; their curves are in `curves`.
    pub trials: Vec<TrialRecord>,
    /// All tries at them.
    pub attempts: Vec<AttemptRecord>,
    /// Their curves.
    pub curves: Vec<(TrialId, Vec<CurvePoint>)>,
    /// Evaluations without history, in batches.
    pub evaluations: Vec<Evaluations>,
}

/// Where an artifact is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArtifactReference {
    /// SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
    /// The trial it belongs to; `None`: the run as a whole.
    pub trial: Option<TrialId>,
    /// What it is to it, such as `weights`.
    pub name: String,
}

/// How much an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Stats {
    /// The schema's version.
    pub schema: u32,
    /// Tasks.
    pub n_tasks: u64,
    /// Spaces.
    pub n_spaces: u64,
    /// Runs, by the name of their state.
    pub n_runs: BTreeMap<String, u64>,
    /// Trials with history, by the name of their state.
    pub n_trials: BTreeMap<String, u64>,
    /// Recorded evaluations without history.
    pub n_evaluations: u64,
    /// Learning curves.
    pub n_curves: u64,
    /// Artifacts.
    pub n_artifacts: u64,
    /// Bytes of all artifacts.
    pub artifact_bytes: u64,
    /// Bytes on disk.
    pub file_bytes: u64,
}

/// Something that is wrong in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which record.
    pub record: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// What a merge did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MergeReport {
    /// Runs that were not here before.
    pub added: u64,
    /// Runs of which the other archive had a newer state.
    pub updated: u64,
    /// Runs that were here already, as new or newer.
    pub unchanged: u64,
    /// Artifacts that were not here before.
    pub artifacts: u64,
    /// Records of the other archive that are damaged and were left out, each with what is wrong.
    pub damaged: Vec<String>,
    /// Runs that went on in both archives, each its own way: what is here stays.
    pub diverged: Vec<RunId>,
    /// Imported runs whose evaluations stand in another one as a whole: they were withdrawn, lest they count twice.
    pub outgrown: Vec<RunId>,
}

impl MergeReport {
    /// What was read of `whole`, or nothing where it is damaged.
    pub(crate) fn sound<T>(&mut self, whole: impl fmt::Display, read: Result<T>) -> Result<Option<T>> {
        match read {
            Err(ArchiveError::Damaged { record, problem }) => {
                self.damaged.push(format!("{whole}: {record}: {problem}"));
                Ok(None)
            }
            read => read.map(Some),
        }
    }
}

/// SHA-256 of `bytes`, in hexadecimal.
pub(crate) fn hex_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
