//! The bodies that are not columns, in MessagePack.

use std::path::PathBuf;

use heirloom_model::{ComponentError, ComponentErrorKind};
use heirloom_plugin_abi::Kind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Everything a worker needs to make its component.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Create {
    /// The library, which the host has checked as far as that goes without loading; or the folder of source.
    pub(super) library: PathBuf,
    /// What the loaded library must say its fingerprint is.
    pub(super) fingerprint: String,
    // Replay files of before lack it.
    #[serde(default)]
    pub(super) needs_libtorch: bool,
    /// Source: the module to import.
    pub(super) module: Option<String>,
    /// The plugin's id and version, for the log.
    pub(super) plugin: String,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// JSON.
    pub(super) options: String,
    /// The problem, or the space, as the boundary writes it; for source, as other languages see it.
    pub(super) subject: Vec<u8>,
    pub(super) threads: usize,
    pub(super) folder: PathBuf,
    /// Where the worker finds other plugins, for nested components.
    pub(super) search_paths: Vec<PathBuf>,
    /// Events above this level are not wanted: 0 for none, 5 for all.
    pub(super) max_level: u8,
}

/// A component's error.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WrittenError {
    kind: ComponentErrorKind,
    message: String,
}

impl From<ComponentError> for WrittenError {
    fn from(error: ComponentError) -> Self {
        Self { kind: error.kind, message: error.message }
    }
}

impl From<WrittenError> for ComponentError {
    fn from(error: WrittenError) -> Self {
        Self::new(error.kind, error.message)
    }
}

/// An event of the worker's log.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LogEvent {
    pub(super) plugin: String,
    pub(super) level: u8,
    pub(super) origin: String,
    pub(super) message: String,
}

/// Appends a message to a frame.
pub(super) fn write(message: &impl Serialize, frame: &mut Vec<u8>) -> Result<(), ComponentError> {
    rmp_serde::encode::write_named(frame, message).map_err(|error| ComponentError::failed(error.to_string()))
}

/// Reads a frame's body.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ComponentError> {
    rmp_serde::from_slice(body).map_err(|error| ComponentError::failed(format!("malformed message: {error}")))
}
