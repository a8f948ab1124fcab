//! A run, checked: what every other crate is given.

use std::collections::BTreeMap;
use std::path::PathBuf;

use heirloom_model::{Direction, Limits, SpaceSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// A run file that was checked and filled up with defaults.
///
/// What is still optional means something when it is absent; nothing is left to guess. It serialises, so that an
/// archive keeps a run as it was understood on the day it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// What the run is called in lists.
    pub name: String,
    /// The number from which all randomness of the run follows.
    pub seed: u64,
    /// What the run is about.
    pub task: TaskConfig,
    /// The search space; `None`: the estimator's own.
    pub space: Option<SpaceSpec>,
    /// What is optimised; `None`: the estimator's first objective.
    pub objective: Option<ObjectiveConfig>,
    /// What proposes configurations.
    pub strategy: ComponentConfig,
    /// What measures them.
    pub estimator: ComponentConfig,
    /// What filters proposals, in this order.
    pub proxies: Vec<ProxyConfig>,
    /// How the proxies vote; `None`: they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote: Option<VoteConfig>,
    /// What the run may spend.
    pub budget: BudgetConfig,
    /// What one trial may use.
    pub limits: Limits,
    /// How many trials are evaluated at the same time.
    pub workers: usize,
    /// Where plugins run.
    pub isolation: Isolation,
    /// What isolated plugins may use.
    #[serde(default, skip_serializing_if = "WorkerConfig::is_default")]
    pub worker: WorkerConfig,
    /// What past runs may do for this one.
    pub warm_start: WarmStartConfig,
    /// The archive's file; `None`: the user's archive.
    pub archive: Option<PathBuf>,
}

impl RunConfig {
    /// Leaves the archive's past runs out of everything.
    pub fn ignore_past(&mut self) {
        self.warm_start.mode = WarmStartMode::Off;
        if let Some(vote) = &mut self.vote
            && vote.weights == VoteWeights::Archive
        {
            vote.weights = VoteWeights::Given(BTreeMap::new());
        }
    }

    /// SHA-256, in hexadecimal, of everything that decides which trials a run makes. Names of runs, the archive's
    /// place, workers and isolation do not enter it.
    pub fn hash(&self) -> String {
        let mut deciding = self.clone();
        deciding.name.clear();
        deciding.archive = None;
        deciding.workers = 1;
        deciding.isolation = Isolation::None;
        deciding.worker = WorkerConfig::default();
        let json =
            serde_json::to_string(&deciding).expect("a configuration has text keys and finite numbers");
        Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// `[task]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskConfig {
    /// The task's key in the archive.
    pub name: String,
    /// The data set, where it shall be described.
    pub data: Option<DataConfig>,
}

/// The data set of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataConfig {
    /// The file or folder.
    pub path: PathBuf,
    /// The column to predict; `None`: the last one.
    pub target: Option<String>,
    /// What kind of target it is.
    #[serde(default, skip_serializing_if = "TargetConfig::is_auto")]
    pub kind: TargetConfig,
    /// Numeric columns that hold categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categorical: Vec<String>,
    /// Columns that are no features.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// What kind of target a data set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetConfig {
    /// As its values look.
    #[default]
    Auto,
    /// Classes.
    Classification,
    /// Numbers.
    Regression,
}

impl TargetConfig {
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// `[objective]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectiveConfig {
    /// One of the estimator's objectives.
    pub name: String,
    /// Whether small or large is good; `None`: as the estimator says.
    pub direction: Option<Direction>,
}

/// A plugin's component with its own table of options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentConfig {
    /// The component's name.
    pub name: String,
    /// Its options, a JSON object.
    pub options: Json,
}

/// `[[proxy]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxyConfig {
    /// The proxy.
    pub component: ComponentConfig,
    /// The share of proposals that pass, above 0 and at most 1.
    pub keep: f64,
}

/// `[vote]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoteConfig {
    /// How much each proxy counts.
    pub weights: VoteWeights,
    /// Among how many random configurations a score is placed.
    pub references: usize,
    /// The share of proposals that pass, above 0 and at most 1.
    pub keep: f64,
}

/// How much each proxy counts in a vote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VoteWeights {
    /// So much, by name: below 0 a proxy is turned round; 1 where nothing is said.
    Given(BTreeMap<String, f64>),
    /// As much as it ranked past tasks like this one rightly, by the archive's record.
    Archive,
}

/// `[budget]`: at least one is given.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BudgetConfig {
    /// How many trials.
    pub trials: Option<u64>,
    /// How many seconds on the clock.
    pub seconds: Option<f64>,
    /// How many seconds of evaluation, simulated ones included.
    pub cost_seconds: Option<f64>,
}

/// Where plugins run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// In the host's process.
    None,
    /// In worker processes: a crash costs one trial.
    Process,
}

/// `[isolation]`: what is `None` is the host's own default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// Bytes of memory of a worker.
    pub memory_bytes: Option<u64>,
    /// Seconds of processor time of one call.
    pub cpu_seconds: Option<f64>,
    /// Seconds on the clock of a call that has no limit of its own.
    pub call_seconds: Option<f64>,
    /// Files that are open at the same time.
    pub open_files: Option<u64>,
    /// Processes at the same time.
    pub processes: Option<u64>,
    /// Bytes in a worker's scratch folder.
    pub scratch_bytes: Option<u64>,
    /// Further variables of the environment that plugins see.
    pub environment: Vec<String>,
    /// Further folders and files that plugins may read.
    pub readable: Vec<PathBuf>,
}

impl WorkerConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[warm_start]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmStartConfig {
    /// What past runs do.
    pub mode: WarmStartMode,
    /// Trials of the initial design.
    pub initial: usize,
    /// Past tasks that must not be used.
    pub exclude_tasks: Vec<String>,
}

/// What past runs do for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarmStartMode {
    /// Nothing: a cold start.
    Off,
    /// They give some of the first configurations.
    Seed,
    /// They tell the strategy what to believe.
    Inform,
    /// They give the whole initial design.
    Replace,
}
