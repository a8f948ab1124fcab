//! `package.toml`: what a package holds, written by `pack`, never by hand.

use heirloom_plugin_host::{ANY_TARGET, Capability, Kind, Language};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::entry_path::EntryPath;
use crate::hash::Hash;

/// The file's place in a package.
pub const DESCRIPTION: &str = "package.toml";

/// The place of the author's manifest.
pub const MANIFEST: &str = "plugin.toml";

/// The folder of a source tree.
pub const SOURCE: &str = "python";

/// The format that this crate writes and reads.
pub const FORMAT: u32 = 1;

/// What a package holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The format of packages.
    pub format: u32,
    /// The plugin.
    pub id: String,
    /// Its version.
    pub version: Version,
    /// The interface level it was built for.
    pub interface: u32,
    /// What it is written in.
    pub language: Language,
    /// What it asks to be allowed.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// What runs, for each target.
    #[serde(rename = "payload")]
    pub payloads: Vec<Payload>,
    /// Its components.
    #[serde(rename = "component")]
    pub components: Vec<DescribedComponent>,
}

/// What runs on one target: a library, or a folder of sources that runs everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// The target, or `any`.
    pub target: String,
    /// The library, or the folder of the sources.
    pub path: EntryPath,
    /// The library's hash, or that of the folder's lines in the list of hashes.
    pub sha256: Hash,
    /// The fingerprint of the record inside a library; empty for sources.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
}

/// A component, and where the schema of its options is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribedComponent {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The JSON schema of its options.
    pub schema: EntryPath,
}

impl Description {
    /// Reads the text of a `package.toml`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let description: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if description.format != FORMAT {
            let found = description.format;
            return Err(format!("it has format {found}, this program reads {FORMAT}; hint: update Heirloom"));
        }
        crate::manifest::name(&description.id)
            .map_err(|problem| format!("its id `{}` {problem}", description.id))?;
        let mut targets: Vec<_> = description.payloads.iter().map(|payload| &payload.target).collect();
        targets.sort();
        if let Some(pair) = targets.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("it has two payloads for target `{}`", pair[0]));
        }
        if targets.is_empty() {
            return Err("it has no payload".into());
        }
        Ok(description)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        toml::to_string(self).expect("a description is texts, numbers and lists of tables")
    }

    /// What runs on `target`.
    pub fn payload(&self, target: &str) -> Option<&Payload> {
        let exact = self.payloads.iter().find(|payload| payload.target == target);
        exact.or_else(|| self.payloads.iter().find(|payload| payload.target == ANY_TARGET))
    }

    /// The targets, in order.
    pub fn targets(&self) -> Vec<String> {
        let mut targets: Vec<_> = self.payloads.iter().map(|payload| payload.target.clone()).collect();
        targets.sort();
        targets
    }

    /// The name of the package's file.
    pub fn file_name(&self) -> String {
        file_name(&self.id, &self.version)
    }

    /// What a signature of the package says.
    pub fn comment(&self) -> TrustedComment {
        TrustedComment { id: self.id.clone(), version: self.version.clone(), interface: self.interface }
    }
}

/// The name of a package's file.
pub fn file_name(id: &str, version: &Version) -> String {
    format!("{id}-{version}.heirloom")
}

/// What a package's signature says of it: an old package cannot be shown as a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedComment {
    /// The plugin.
    pub id: String,
    /// Its version.
    pub version: Version,
    /// The interface level it was built for.
    pub interface: u32,
}

impl TrustedComment {
    /// Reads the comment of a signature.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("heirloom package id=")?;
        let (id, rest) = rest.split_once(" version=")?;
        let (version, interface) = rest.split_once(" interface=")?;
        let comment =
            Self { id: id.into(), version: version.parse().ok()?, interface: interface.parse().ok()? };
        (comment.to_string() == text).then_some(comment)
    }
}

impl std::fmt::Display for TrustedComment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "heirloom package id={} version={} interface={}", self.id, self.version, self.interface)
    }
}
