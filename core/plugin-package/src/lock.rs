//! `heirloom.lock`: which plugins a project uses, to the last bit. It belongs beside the run files, under version
//! control.

use std::io::Write;
use std::path::{Path, PathBuf};

use heirloom_plugin_host::{ANY_TARGET, Capability};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::description::TrustedComment;
use crate::entry_path::EntryPath;
use crate::error::{PackageError, Result};
use crate::hash::Hash;
use crate::minisign::KeyId;
use crate::pack::replace;

/// The lock's name in a project's folder.
pub const LOCK: &str = "heirloom.lock";

const FORMAT: u32 = 1;

/// The plugins of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    format: u32,
    /// The plugins, by id.
    #[serde(rename = "plugin", default)]
    pub plugins: Vec<LockedPlugin>,
}

/// One plugin of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPlugin {
    /// The plugin.
    pub id: String,
    /// Its version.
    pub version: Version,
    /// The interface level it was built for.
    pub interface: u32,
    /// The hash of its list of hashes: its place in the store.
    pub content: Hash,
    /// The key that signed it.
    pub key: KeyId,
    /// Where it came from: an index, relative paths from the lock's folder; empty for a package's file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub index: String,
    /// What it was granted.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// What runs, for each target.
    #[serde(rename = "payload")]
    pub payloads: Vec<LockedPayload>,
}

/// What runs on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPayload {
    /// The target, or `any`.
    pub target: String,
    /// Its place in the package.
    pub path: EntryPath,
    /// Its hash.
    pub sha256: Hash,
}

impl LockedPlugin {
    /// What runs on `target`.
    pub fn payload(&self, target: &str) -> Option<&LockedPayload> {
        let exact = self.payloads.iter().find(|payload| payload.target == target);
        exact.or_else(|| self.payloads.iter().find(|payload| payload.target == ANY_TARGET))
    }

    /// What its signature must say.
    pub fn comment(&self) -> TrustedComment {
        TrustedComment { id: self.id.clone(), version: self.version.clone(), interface: self.interface }
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self { format: FORMAT, plugins: Vec::new() }
    }
}

impl Lock {
    /// The lock of a folder; `None` where it has none.
    pub fn in_folder(folder: &Path) -> Result<Option<(PathBuf, Self)>> {
        let path = folder.join(LOCK);
        match path.exists() {
            true => Ok(Some((path.clone(), Self::read(&path)?))),
            false => Ok(None),
        }
    }

    /// Reads a lock's file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| PackageError::read(path, error))?;
        Self::parse(&text).map_err(|problem| PackageError::Lock { path: path.into(), problem })
    }

    /// Reads a lock's text.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let lock: Self = toml::from_str(text).map_err(|error| {
            format!(
                "{}; hint: take it from version control again, or make it with `heirloom plugin add`",
                error.message()
            )
        })?;
        if lock.format != FORMAT {
            let found = lock.format;
            return Err(format!("it has format {found}, this program reads {FORMAT}; hint: update Heirloom"));
        }
        let mut ids: Vec<_> = lock.plugins.iter().map(|plugin| &plugin.id).collect();
        ids.sort();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("it has plugin `{}` twice; hint: remove one of them", pair[0])),
            None => Ok(lock),
        }
    }

    /// The lock's text: the same for the same plugins.
    pub fn text(&self) -> String {
        let mut sorted = self.clone();
        sorted.plugins.sort_by(|a, b| a.id.cmp(&b.id));
        toml::to_string(&sorted).expect("names, hashes and lists of tables")
    }

    /// The hash of what the lock says, however its file is laid out: what runs remember.
    pub fn hash(&self) -> Hash {
        Hash::of(self.text().as_bytes())
    }

    /// Writes the lock's file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = format!(
            "# The plugins of this project, to the last bit. Written by `heirloom plugin add`; keep it under version \
             control.\n{}",
            self.text()
        );
        replace(path, |mut file| {
            file.write_all(text.as_bytes())?;
            Ok(file)
        })
        .map_err(|error| PackageError::write(path, error))
    }

    /// A plugin of the lock.
    pub fn get(&self, id: &str) -> Option<&LockedPlugin> {
        self.plugins.iter().find(|plugin| plugin.id == id)
    }

    /// Puts a plugin in, in the place of another version; that one.
    pub fn put(&mut self, plugin: LockedPlugin) -> Option<LockedPlugin> {
        let before = self.remove(&plugin.id);
        self.plugins.push(plugin);
        before
    }

    /// Takes a plugin out.
    pub fn remove(&mut self, id: &str) -> Option<LockedPlugin> {
        let index = self.plugins.iter().position(|plugin| plugin.id == id)?;
        Some(self.plugins.remove(index))
    }
}
