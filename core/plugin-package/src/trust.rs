//! Which keys a user trusts with which plugins.
//!
//! The key of a plugin's first installation is pinned. From then on versions come from it, or from a key that it named
//! as its successor. A revoked key is never trusted again. Packages and indices cannot loosen any of this: they bring
//! statements, and only what a trusted key signed counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{PackageError, Result};
use crate::minisign::{KeyId, PublicKey};
use crate::pack::replace;
use crate::statement::Statement;

/// What may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustLevel {
    /// Libraries on search paths too, signed or not: for development.
    #[default]
    UnsignedLocal,
    /// Only what came signed through a lock, and what came with the program.
    SignedOnly,
}

impl TrustLevel {
    /// The environment's word for a level.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "unsigned-local" => Some(Self::UnsignedLocal),
            "signed-only" => Some(Self::SignedOnly),
            _ => None,
        }
    }
}

impl std::fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UnsignedLocal => "unsigned-local",
            Self::SignedOnly => "signed-only",
        })
    }
}

/// A user's keys, as `trust.toml` keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// What may run beside what is installed; what is installed is always signed.
    level: TrustLevel,
    /// Which keys each plugin was pinned to; the last is the one that new versions must be signed by.
    #[serde(rename = "plugin")]
    plugins: BTreeMap<String, Vec<KeyId>>,
    /// Public keys, by id.
    #[serde(rename = "key")]
    keys: BTreeMap<KeyId, String>,
    /// Why keys are no longer trusted.
    revoked: BTreeMap<KeyId, String>,
}

impl Trust {
    /// Reads a user's keys; none where there is no file yet.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |problem: String| PackageError::Trust { path: path.into(), problem };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(PackageError::read(path, error)),
        };
        let trust: Self = toml::from_str(&text).map_err(|error| wrong(error.message().into()))?;
        for (id, line) in &trust.keys {
            let key = PublicKey::parse(line).map_err(|error| wrong(format!("key {id}: {error}")))?;
            if key.id() != *id {
                return Err(wrong(format!("key {id} is key {}", key.id())));
            }
        }
        Ok(trust)
    }

    /// Writes them back.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).expect("keys and names are texts");
        let text = format!("# Keys that this user trusts. Written by `heirloom plugin`.\n{text}");
        replace(path, |mut file| {
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            Ok(file)
        })
        .map_err(|error| PackageError::write(path, error))
    }

    /// What may run beside what is installed.
    pub fn level(&self) -> TrustLevel {
        self.level
    }

    /// A known key.
    pub fn key(&self, id: KeyId) -> Option<PublicKey> {
        // Every line was read once on the way in.
        self.keys.get(&id).and_then(|line| PublicKey::parse(line).ok())
    }

    /// The plugins and the key that each is pinned to.
    pub fn pinned(&self) -> impl Iterator<Item = (&str, KeyId)> {
        self.plugins.iter().filter_map(|(plugin, keys)| Some((plugin.as_str(), *keys.last()?)))
    }

    /// The key that new versions of a plugin must be signed by.
    pub fn pinned_key(&self, plugin: &str) -> Option<KeyId> {
        self.plugins.get(plugin).and_then(|keys| keys.last()).copied()
    }

    /// The key that signed an installed version of a plugin, if it is one that the plugin is or was pinned to, and was
    /// not revoked.
    pub fn key_of_installed(&self, plugin: &str, key: KeyId) -> Result<PublicKey> {
        self.refuse_revoked(plugin, key)?;
        let keys = self.plugins.get(plugin).map(Vec::as_slice).unwrap_or_default();
        match (self.key(key), keys.last()) {
            (Some(public), Some(_)) if keys.contains(&key) => Ok(public),
            (_, Some(pinned)) => {
                Err(PackageError::OtherKey { plugin: plugin.into(), pinned: *pinned, found: key })
            }
            (_, None) => Err(PackageError::UnknownKey { plugin: plugin.into(), key }),
        }
    }

    /// The keys that are known, and why each is no longer trusted where it is not.
    pub fn keys(&self) -> impl Iterator<Item = (KeyId, Option<&str>)> {
        let known = self.keys.keys().chain(self.revoked.keys().filter(|id| !self.keys.contains_key(*id)));
        known.map(|id| (*id, self.revoked.get(id).map(String::as_str)))
    }

    /// Pins a plugin to a key, whatever it was pinned to before: the user's own decision. What is installed under an
    /// earlier key may still run, until that one is revoked.
    pub fn pin(&mut self, plugin: &str, key: &PublicKey) -> Result<()> {
        self.refuse_revoked(plugin, key.id())?;
        self.know(plugin, key)?;
        let keys = self.plugins.entry(plugin.into()).or_default();
        keys.retain(|known| *known != key.id());
        keys.push(key.id());
        Ok(())
    }

    fn know(&mut self, plugin: &str, key: &PublicKey) -> Result<()> {
        match self.key(key.id()) {
            // An id is eight bytes of the author's choice; two keys of one id are no accident.
            Some(known) if known != *key => {
                Err(PackageError::OtherKey { plugin: plugin.into(), pinned: known.id(), found: key.id() })
            }
            _ => {
                self.keys.insert(key.id(), key.line());
                Ok(())
            }
        }
    }

    /// Never trusts a key again: the user's own decision.
    pub fn revoke(&mut self, key: KeyId, reason: &str) {
        self.revoked.entry(key).or_insert_with(|| reason.lines().collect::<Vec<_>>().join(" "));
    }

    /// Says why a key is not trusted any more, if so.
    pub fn refuse_revoked(&self, plugin: &str, key: KeyId) -> Result<()> {
        match self.revoked.get(&key) {
            Some(reason) => Err(PackageError::Revoked { plugin: plugin.into(), key, reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Takes an index's statements in: keys that revoked themselves are revoked here for good, and a plugin's pin moves
    /// along to successors that the pinned key signed. What is signed by a key that is not known yet is left alone.
    pub fn learn(&mut self, statements: &[(PathBuf, Statement)]) -> Result<()> {
        loop {
            let before = self.clone();
            // Successions first: an author names the successor, then revokes the old key.
            for (path, statement) in statements {
                self.learn_one(path, statement, false)?;
            }
            if *self == before {
                break;
            }
        }
        statements.iter().try_for_each(|(path, statement)| self.learn_one(path, statement, true))
    }

    fn learn_one(&mut self, path: &Path, statement: &Statement, revocations: bool) -> Result<()> {
        let Some(signer) = self.key(statement.signer()) else { return Ok(()) };
        let refused = |problem: String| PackageError::Statement { path: path.into(), problem };
        match statement {
            Statement::Successor { next, .. } if !revocations => {
                statement.verify(&signer).map_err(|error| refused(error.to_string()))?;
                // A thief of the old key could name one too.
                if self.revoked.contains_key(&signer.id()) {
                    return Ok(());
                }
                // A key that was succeeded does not come back: a ring of successions would never come to rest.
                let moves = |keys: &[KeyId]| keys.last() == Some(&signer.id()) && !keys.contains(&next.id());
                let moved: Vec<String> = self
                    .plugins
                    .iter()
                    .filter(|(_, keys)| moves(keys))
                    .map(|(plugin, _)| plugin.clone())
                    .collect();
                for plugin in moved {
                    if !self.revoked.contains_key(&next.id()) {
                        self.pin(&plugin, next)?;
                    }
                }
            }
            Statement::Revoked { reason, .. } if revocations => {
                statement.verify(&signer).map_err(|error| refused(error.to_string()))?;
                self.revoke(signer.id(), reason);
            }
            _ => {}
        }
        Ok(())
    }
}
