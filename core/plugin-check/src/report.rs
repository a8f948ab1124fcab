//! What became of the checks.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::Trouble;

/// What became of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", content = "message", rename_all = "kebab-case")]
pub enum Status {
    /// It holds.
    Success,
    /// It does not: what was seen, and what was expected.
    Failed(String),
    /// It says nothing about this component: why.
    Skipped(String),
    /// Its process ended without an answer, or did not end in time: how.
    Crashed(String),
}

impl Status {
    /// What a check comes to; a panic is a failure.
    pub(crate) fn of(body: impl FnOnce() -> Result<(), Trouble>) -> Self {
        match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(())) => Self::Success,
            Ok(Err(Trouble::Failed(message))) => Self::Failed(message),
            Ok(Err(Trouble::Skipped(message))) => Self::Skipped(message),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(ToString::to_string)
                    .or_else(|| panic.downcast_ref::<String>().cloned());
                Self::Failed(format!("it panicked: {}", text.as_deref().unwrap_or("no message")))
            }
        }
    }

    /// Whether the component is to blame: the check failed, or its process did not end in order.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Crashed(_))
    }

    /// The name of the status in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Crashed(_) => "crashed",
        }
    }

    /// What is said beside the name; empty for a success.
    pub fn message(&self) -> &str {
        match self {
            Self::Success => "",
            Self::Failed(message) | Self::Skipped(message) | Self::Crashed(message) => message,
        }
    }
}

/// One check with its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The check's name, such as `strategy/in-bounds`.
    pub check: String,
    /// What it demands.
    pub demand: &'static str,
    /// What became of it.
    #[serde(flatten)]
    pub status: Status,
}

/// The results of a suite, in the order of its checks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// One for each check.
    pub results: Vec<CheckResult>,
}

impl Report {
    /// Whether no check failed.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(|result| result.status.is_failure())
    }

    /// For tests: ends the test with the failures, if there are any.
    ///
    /// # Panics
    ///
    /// When a check failed, or none was made.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(!self.results.is_empty(), "no check was made");
        assert!(self.passed(), "the component does not conform:\n{self}");
    }

    /// Runs a check and keeps its result.
    pub(crate) fn run(
        &mut self,
        check: String,
        demand: &'static str,
        body: impl FnOnce() -> Result<(), Trouble>,
    ) {
        self.results.push(CheckResult { check, demand, status: Status::of(body) });
    }
}

/// One line a check: a sign, the name, and the message of what did not succeed.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in &self.results {
            match &result.status {
                Status::Success => writeln!(f, "ok      {}", result.check)?,
                Status::Skipped(message) => writeln!(f, "skipped {}: {message}", result.check)?,
                Status::Failed(message) | Status::Crashed(message) => {
                    writeln!(f, "FAILED  {}: {message}\n        demanded: {}", result.check, result.demand)?;
                }
            }
        }
        Ok(())
    }
}
