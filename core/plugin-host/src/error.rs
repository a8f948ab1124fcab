//! What can go wrong before a component exists.

use std::path::PathBuf;

use heirloom_model::{ComponentError, ComponentErrorKind};
use heirloom_plugin_abi::Kind;
use heirloom_plugin_abi::schema::OptionProblem;
use thiserror::Error;

use crate::libtorch::OpenError;

/// Why a plugin, or a component of one, cannot be used.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum HostError {
    /// A file could not be read.
    #[error("`{path}` cannot be read: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A file is no library, or one that was cut short.
    #[error("`{path}` is no dynamic library, or a damaged one: {reason}; hint: build or copy it again")]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A library is no Heirloom plugin.
    #[error(
        "`{path}` is a library but no Heirloom plugin; hint: a plugin has an export line such as `export_strategy!`"
    )]
    NotAPlugin {
        /// The file.
        path: PathBuf,
    },
    /// The record or the manifest inside a library is wrong.
    #[error(
        "`{path}` is no plugin that can be used: {problem}; hint: ask its author for another build, or update Heirloom if \
         it was made for a newer one"
    )]
    BadManifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A plugin was built for another interface level.
    #[error(
        "plugin `{plugin}` {version} was built for interface level {found}, this host speaks {}; hint: {}",
        levels(*.oldest, *.newest), interface_remedy(*.found, *.newest)
    )]
    Interface {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// The plugin's interface level.
        found: u32,
        /// The oldest that the host speaks.
        oldest: u32,
        /// The newest that the host speaks.
        newest: u32,
    },
    /// A plugin was built for another kind of machine.
    #[error(
        "plugin `{plugin}` {version} was built for `{found}`, this host runs on `{expected}`; hint: install the build for this target"
    )]
    Target {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// The plugin's target.
        found: String,
        /// The host's.
        expected: String,
    },
    /// A plugin is not what its manifest says.
    #[error(
        "plugin `{plugin}` {version}: the loaded library has fingerprint `{found}`, its record `{expected}`; hint: \
         the file was changed after the build or while it was read: build or copy it again"
    )]
    Fingerprint {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// What the loaded library says.
        found: String,
        /// What the record hashes to.
        expected: String,
    },
    /// A plugin passed all checks of its record and still does not load.
    #[error("plugin `{plugin}` {version}: {reason}")]
    Load {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// Why.
        reason: String,
    },
    /// A plugin computes with LibTorch, which is not there.
    #[error("plugin `{plugin}` {version}: {source}")]
    LibTorch {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// Why it is not.
        source: OpenError,
    },
    /// A plugin has crashed too often, or several together in one process.
    #[error(
        "{who} is in quarantine: {reason}; hint: install another version, or release it with \
         `heirloom plugin quarantine --release {name}`; `heirloom plugin report {name}` has what its author needs"
    )]
    Quarantined {
        /// Each plugin with its version.
        who: String,
        /// What commands call it.
        name: String,
        /// What happened.
        reason: String,
    },
    /// No plugin has such a component.
    #[error("there is no {kind} `{name}`; hint: {hint}")]
    Unknown {
        /// The kind.
        kind: Kind,
        /// The name.
        name: String,
        /// What there is.
        hint: String,
    },
    /// The options do not fit the component.
    #[error("options of {kind} `{name}`: {}", join(.problems))]
    Options {
        /// The kind.
        kind: Kind,
        /// The component.
        name: String,
        /// All that is wrong.
        problems: Vec<OptionProblem>,
    },
    /// The component could not be made.
    #[error("{source}")]
    Component {
        /// What it said, with the plugin's name.
        source: ComponentError,
    },
    /// The worker process could not be started.
    #[error("plugin `{plugin}` {version}: its worker process does not start: {reason}; hint: {hint}")]
    Worker {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// Why.
        reason: String,
        /// What to do.
        hint: String,
    },
}

fn levels(oldest: u32, newest: u32) -> String {
    if oldest == newest { format!("level {newest}") } else { format!("levels {oldest} to {newest}") }
}

/// The older side is to be renewed.
fn interface_remedy(found: u32, newest: u32) -> &'static str {
    if found > newest {
        "update Heirloom, or install an older version of the plugin"
    } else {
        "build it again with this host's `heirloom-plugin`, or install a newer version of the plugin"
    }
}

fn join(problems: &[OptionProblem]) -> String {
    let text = |problem: &OptionProblem| match problem.path.as_str() {
        "" => problem.to_string(),
        path => format!("`{path}`: {problem}"),
    };
    problems.iter().map(text).collect::<Vec<_>>().join("; ")
}

impl From<HostError> for ComponentError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Component { source } => source,
            HostError::Options { .. } | HostError::Unknown { .. } => Self::configuration(error.to_string()),
            HostError::Worker { .. } | HostError::Quarantined { .. } => {
                Self::new(ComponentErrorKind::Crashed, error.to_string())
            }
            other => Self::failed(other.to_string()),
        }
    }
}
