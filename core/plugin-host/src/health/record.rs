//! What is kept of a build between runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::aside;

use super::build::Build;

/// The record's name in its plugin's folder.
pub(super) const FILE: &str = "health.json";

/// A plugin's quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineState {
    /// Seconds since 1970.
    pub since: u64,
    /// What happened.
    pub reason: String,
    /// The report of the last crash.
    pub report: Option<PathBuf>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) build: Build,
    pub(super) ended_runs: u32,
    pub(super) quarantined: Option<QuarantineState>,
}

impl Record {
    pub(super) fn new(build: Build) -> Self {
        Self { build, ended_runs: 0, quarantined: None }
    }

    /// The record in `folder`; one that cannot be read counts as none.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        aside::write(&folder.join(FILE), serde_json::to_string_pretty(self)?)
    }
}
