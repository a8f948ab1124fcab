//! The report of a crash, to be sent to the plugin's author.

use std::collections::BTreeMap;
use std::path::Path;

use heirloom_model::FailureKind;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What happened, as far as a host can tell.
///
/// It holds the component's options and what the plugin printed, nothing else of the user's; the replay file beside it
/// also holds what the strategy was told, or the configuration that was evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrashReport {
    /// The plugin's id.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The hash of its record.
    pub fingerprint: String,
    /// What it was built for, and by which compiler.
    pub built: String,
    /// The host's version.
    pub host: String,
    /// The component's kind.
    pub kind: String,
    /// Its name.
    pub component: String,
    /// Its options.
    pub options: Json,
    /// The other plugins in its process, which may be to blame too: by id, the versions of those whose strategies its
    /// options name.
    // Reports of before lack it.
    #[serde(default)]
    pub nested: BTreeMap<String, String>,
    /// The method that was called.
    pub method: String,
    /// The trials that the call was about.
    pub trials: Vec<u64>,
    /// The seed of the call, in hexadecimal, where it has one.
    pub seed: Option<String>,
    /// What became of the worker.
    pub message: String,
    /// The last that the worker printed: a backtrace where it could write one.
    pub printed: String,
    /// Seconds since 1970.
    pub time: u64,
    /// The name of the replay file beside this one.
    pub replay: Option<String>,
}

impl CrashReport {
    /// Reads a report.
    ///
    /// # Errors
    ///
    /// The system's, and one of kind `InvalidData` for a file that is no report.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }
}

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Ended {
    /// All calls were answered.
    Answered {
        /// How many.
        calls: usize,
    },
    /// A call was answered by an error of the component.
    Error {
        /// Which call, counted from 1.
        call: usize,
        /// What it said.
        message: String,
    },
    /// An evaluation was answered by a failure of its trial.
    Failed {
        /// Which call, counted from 1.
        call: usize,
        /// Of which kind.
        kind: FailureKind,
        /// What the estimator said.
        message: String,
    },
    /// The worker died.
    Died {
        /// In which call, counted from 1.
        call: usize,
        /// How.
        message: String,
        /// The last that it printed.
        printed: String,
    },
}
