//! From an index, or a package's file, into the store and the lock.

use std::path::Path;

use heirloom_plugin_host::{ANY_TARGET, Capability, TARGET, speaks};
use semver::Version;

use crate::description::file_name;
use crate::error::{PackageError, Result};
use crate::hash::Hash;
use crate::home::Home;
use crate::index::{self, IndexSource, IndexedVersion, PluginIndex};
use crate::lock::{LOCK, LockedPayload, LockedPlugin};
use crate::minisign::{KeyId, PublicKey};
use crate::read::{Package, SealedPackage};
use crate::trust::Trust;

/// What a user allows when they install.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// What the plugin may do if it asks for it.
    pub capabilities: Vec<Capability>,
    /// The key that must have signed it; `None`: the pinned one, or on first use the index's.
    pub key: Option<PublicKey>,
}

/// What came of an installation.
#[derive(Debug, Clone)]
pub struct Added {
    /// For the lock.
    pub plugin: LockedPlugin,
    /// The key that was pinned by it, where none was before.
    pub newly_pinned: Option<KeyId>,
}

/// The version of an index that a user gets: `wanted`, or the newest that is no pre-release and runs here.
fn choose<'a>(index: &'a PluginIndex, source: &str, wanted: Option<&Version>) -> Result<&'a IndexedVersion> {
    let missing = |what: String| {
        let mut versions: Vec<_> = index.versions.iter().map(|entry| &entry.version).collect();
        versions.sort();
        let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
        let hint = format!("it has {}", versions.join(", "));
        PackageError::NotInIndex { index: source.into(), what, hint }
    };
    if let Some(wanted) = wanted {
        let found = index.versions.iter().find(|entry| entry.version == *wanted);
        return found.ok_or_else(|| missing(format!("version {wanted} of `{}`", index.id)));
    }
    let released = || index.versions.iter().filter(|entry| entry.version.pre.is_empty());
    let runs_here = |entry: &&IndexedVersion| {
        speaks(&index.id, "", entry.interface).is_ok()
            && entry.targets.iter().any(|target| target == TARGET || target == ANY_TARGET)
    };
    let newest = released().filter(runs_here).max_by_key(|entry| &entry.version);
    // The newest of all says best why nothing runs here.
    let newest = newest.or_else(|| released().max_by_key(|entry| &entry.version));
    newest.ok_or_else(|| missing(format!("released version of `{}`", index.id)))
}

impl Home {
    /// Installs a version of a plugin from an index. Nothing of the package is executed.
    pub fn add(
        &self,
        source: &dyn IndexSource,
        id: &str,
        wanted: Option<&Version>,
        grants: &Grants,
    ) -> Result<Added> {
        let _alone = self.lock()?;
        let (mut trust, all) = self.consult(source, id)?;
        let entry = choose(&all, source.name(), wanted)?;
        let before = trust.pinned_key(id);
        let key = expected_key(&mut trust, id, entry.key, grants, || index::key(source, entry.key))?;
        let file = fetch(source, &all, entry)?;
        let package = file.open(&key, entry)?;
        let plugin = self.install(&package, &key, grants, source.name())?;
        trust.write(&self.trust_path())?;
        Ok(Added { plugin, newly_pinned: before.is_none().then_some(key.id()) })
    }

    /// Installs a package's file. Nothing of it is executed.
    pub fn add_file(&self, path: &Path, grants: &Grants) -> Result<Added> {
        let _alone = self.lock()?;
        let mut trust = self.trust()?;
        let sealed = SealedPackage::open(path)?;
        let claimed = sealed.claimed_key()?;
        let key = match &grants.key {
            Some(key) => *key,
            None => trust.key(claimed).ok_or_else(|| PackageError::UnknownKey {
                plugin: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                key: claimed,
            })?,
        };
        let package = sealed.verify(&key)?.read()?;
        let id = package.description().id.clone();
        let before = trust.pinned_key(&id);
        expected_key(&mut trust, &id, claimed, grants, || Ok(Some(key)))?;
        let plugin = self.install(&package, &key, grants, "")?;
        trust.write(&self.trust_path())?;
        Ok(Added { plugin, newly_pinned: before.is_none().then_some(key.id()) })
    }

    /// Installs what a lock names, if it is not here yet: the very same content, by a key that is trusted with it.
    /// Whether there was something to do.
    pub fn restore(&self, source: &dyn IndexSource, locked: &LockedPlugin, grants: &Grants) -> Result<bool> {
        let _alone = self.lock()?;
        let (mut trust, all) = self.consult(source, &locked.id)?;
        let entry = choose(&all, source.name(), Some(&locked.version))?;
        let key = match trust.pinned_key(&locked.id) {
            Some(_) => trust.key_of_installed(&locked.id, locked.key)?,
            None => {
                expected_key(&mut trust, &locked.id, locked.key, grants, || index::key(source, locked.key))?
            }
        };
        let folder = self.folder_of(&locked.content);
        if entry.content != locked.content {
            return Err(PackageError::changed(&folder, "hashes.txt", &entry.content, &locked.content));
        }
        // What is damaged is fetched again.
        let is_here = self.open_one(Path::new(LOCK), locked, &trust).is_ok();
        if !is_here {
            let file = fetch(source, &all, entry)?;
            let package = file.open(&key, entry)?;
            let grants = Grants { capabilities: locked.capabilities.clone(), key: None };
            let plugin = self.install(&package, &key, &grants, &locked.index)?;
            if plugin != *locked {
                return Err(PackageError::Contradiction {
                    package: folder,
                    says: "the package of the index gives",
                    found: format!("{plugin:?}"),
                    other: "the lock has",
                    expected: format!("{locked:?}"),
                });
            }
        }
        // A key is pinned by what it signed.
        trust.write(&self.trust_path())?;
        Ok(!is_here)
    }

    /// The version of a plugin that [`add`](Self::add) would install from an index if none is named.
    pub fn newest(&self, source: &dyn IndexSource, id: &str) -> Result<Version> {
        let _alone = self.lock()?;
        let (_, all) = self.consult(source, id)?;
        Ok(choose(&all, source.name(), None)?.version.clone())
    }

    /// Reads what an index says of a plugin and of keys, and holds it against what is known. The caller holds the
    /// home's lock.
    fn consult(&self, source: &dyn IndexSource, id: &str) -> Result<(Trust, PluginIndex)> {
        let all = PluginIndex::read(source, id)?;
        self.remember(source, &all)?;
        let mut trust = self.trust()?;
        let before = trust.clone();
        trust.learn(&index::statements(source)?)?;
        if trust != before {
            trust.write(&self.trust_path())?;
        }
        Ok((trust, all))
    }

    fn install(
        &self,
        package: &Package,
        key: &PublicKey,
        grants: &Grants,
        index: &str,
    ) -> Result<LockedPlugin> {
        package.payload_here()?;
        let about = package.description();
        let is_missing = |asked: &&Capability| !grants.capabilities.contains(asked);
        let missing: Vec<_> = about.capabilities.iter().filter(is_missing).copied().collect();
        if !missing.is_empty() {
            let (plugin, version) = (about.id.clone(), about.version.clone());
            return Err(PackageError::Capability { plugin, version, asked: missing });
        }
        self.unpack(package)?;
        let payloads = about.payloads.iter().map(|payload| LockedPayload {
            target: payload.target.clone(),
            path: payload.path.clone(),
            sha256: payload.sha256.clone(),
        });
        Ok(LockedPlugin {
            id: about.id.clone(),
            version: about.version.clone(),
            interface: about.interface,
            content: package.hashes().content(),
            key: key.id(),
            index: index.into(),
            capabilities: about.capabilities.clone(),
            payloads: payloads.collect(),
        })
    }
}

/// The key that must have signed a plugin, where `claimed` is said to have: the user's word, else the pinned key, else
/// (on first use) what `offered` gives, which is pinned.
fn expected_key(
    trust: &mut Trust,
    id: &str,
    claimed: KeyId,
    grants: &Grants,
    offered: impl FnOnce() -> Result<Option<PublicKey>>,
) -> Result<PublicKey> {
    trust.refuse_revoked(id, claimed)?;
    let other = |pinned| PackageError::OtherKey { plugin: id.into(), pinned, found: claimed };
    if let Some(key) = &grants.key {
        if key.id() != claimed {
            return Err(other(key.id()));
        }
        if let Some(pinned) = trust.pinned_key(id).filter(|pinned| *pinned != claimed) {
            return Err(other(pinned));
        }
        trust.pin(id, key)?;
        return Ok(*key);
    }
    if let Some(pinned) = trust.pinned_key(id) {
        return match trust.key(pinned) {
            Some(key) if pinned == claimed => Ok(key),
            _ => Err(other(pinned)),
        };
    }
    let key = match trust.key(claimed) {
        Some(key) => key,
        None => offered()?.ok_or_else(|| PackageError::UnknownKey { plugin: id.into(), key: claimed })?,
    };
    trust.pin(id, &key)?;
    Ok(key)
}

/// A package's file, fetched; it goes with this.
struct Fetched {
    folder: tempfile::TempDir,
    name: String,
    id: String,
}

fn fetch(source: &dyn IndexSource, all: &PluginIndex, entry: &IndexedVersion) -> Result<Fetched> {
    let folder = tempfile::tempdir().map_err(|error| PackageError::write(&std::env::temp_dir(), error))?;
    let name = file_name(&all.id, &entry.version);
    source.fetch(&all.package_path(&entry.version), &folder.path().join(&name))?;
    Ok(Fetched { folder, name, id: all.id.clone() })
}

impl Fetched {
    /// Verifies and reads it, and holds it against what the index says.
    fn open(&self, key: &PublicKey, entry: &IndexedVersion) -> Result<Package> {
        let path = self.folder.path().join(&self.name);
        let found = Hash::of_file(&path).map_err(|error| PackageError::read(&path, error))?;
        let sealed = SealedPackage::open(&path)?;
        let claimed = sealed.claimed_key()?;
        if claimed != key.id() {
            return Err(PackageError::OtherKey { plugin: self.id.clone(), pinned: key.id(), found: claimed });
        }
        let package = sealed.verify(key)?.read()?;
        let about = package.description();
        package.agree("its `package.toml` has id", &about.id, "the index", &self.id)?;
        package.agree("its `package.toml` has version", &about.version, "the index", &entry.version)?;
        package.agree("its `package.toml` has interface", &about.interface, "the index", &entry.interface)?;
        package.agree("its content is", &package.hashes().content(), "in the index", &entry.content)?;
        package.agree("its file's hash is", &found, "in the index", &entry.sha256)?;
        Ok(package)
    }
}
