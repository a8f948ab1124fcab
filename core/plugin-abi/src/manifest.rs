//! `plugin.toml`: what an author says of a plugin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use thiserror::Error;

use crate::embed::Kind;

/// The manifest of one library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The plugin's name among all plugins, such as `heirloom-random`.
    pub id: String,
    /// One sentence for lists.
    pub description: String,
    /// What it is written in.
    #[serde(default, skip_serializing_if = "Language::is_rust")]
    pub language: Language,
    /// Python: the module that the worker imports, from the plugin's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Its version; that of its crate where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The interface level it is written for; that of the SDK it is built with where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<u32>,
    /// Where its source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// What its workers need beyond computing; an isolated plugin has none of the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// Its components.
    #[serde(rename = "component")]
    pub components: Vec<ComponentManifest>,
}

/// What a plugin may need from the system beyond memory, processors and what its options name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// To start processes.
    Processes,
    /// To open connections.
    Network,
    /// To read and write files anywhere, not only in its scratch folder and the run's.
    Files,
}

impl std::fmt::Display for Capability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Processes => "processes",
            Self::Network => "network",
            Self::Files => "files",
        })
    }
}

/// What an author says of one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentManifest {
    /// Its kind.
    pub kind: Kind,
    /// Its name in run files.
    pub name: String,
    /// One sentence for lists.
    pub description: String,
    /// When it gives the same results again.
    #[serde(default)]
    pub determinism: Determinism,
    /// Strategies: whether it uses what past runs let it believe (`inform`).
    #[serde(default)]
    pub informs: bool,
    /// Where the method was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
    /// Languages without the SDK's derive: each option's JSON schema, with `required = true` where it must be given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Json>,
}

/// What a plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// A library made with the SDK.
    #[default]
    Rust,
    /// A library with the C interface: C, C++ and what can call it.
    C,
    /// A folder with a module, which a Python of the user's runs as a worker.
    Python,
}

impl Language {
    /// The language's name in manifests and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::Python => "python",
        }
    }

    /// The language that the text of a `plugin.toml` names, also where the rest of it is wrong.
    pub fn of_text(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Named {
            #[serde(default)]
            language: Language,
        }
        match toml::from_str::<Named>(text) {
            Ok(named) => Some(named.language),
            Err(_) => [Self::Python, Self::C].into_iter().find(|language| {
                let name = format!("\"{language}\"");
                text.lines().any(|line| line.trim_start().starts_with("language") && line.contains(&name))
            }),
        }
    }

    fn is_rust(&self) -> bool {
        *self == Self::Rust
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When the same seed and the same inputs give the same results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Determinism {
    /// Everywhere, to the last bit.
    #[default]
    Exact,
    /// On the same kind of machine and device.
    SameDevice,
    /// Not even there: wall clocks, other programs.
    None,
}

/// A `plugin.toml` that is none.
#[derive(Debug, Error)]
#[error("its `plugin.toml` is wrong: {problem}")]
pub struct ManifestError {
    pub(crate) problem: String,
}

impl Manifest {
    /// Reads the text of a `plugin.toml`.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        toml::from_str(text).map_err(|error| ManifestError { problem: error.message().to_owned() })
    }
}
