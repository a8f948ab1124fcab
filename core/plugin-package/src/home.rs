//! What a user has: the store of installed packages, the keys they trust, what indices said before.
//!
//! ```text
//! store/CONTENT/              an installed package, unpacked; CONTENT is the hash of its list of hashes
//! trust.toml                  keys
//! seen/INDEX/ID.json          what an index said of a plugin when it was last read
//! ```

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use heirloom_plugin_host::{LOCAL_SETTINGS, TARGET};

use crate::error::{PackageError, Result};
use crate::hash::Hash;
use crate::hash_list::{HASHES, HashList, SIGNATURE};
use crate::index::{IndexSource, PluginIndex};
use crate::limits;
use crate::lock::{Lock, LockedPlugin};
use crate::minisign::Signature;
use crate::pack::replace;
use crate::payload;
use crate::read::Package;
use crate::trust::Trust;

/// A user's folder of plugins.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// An installed plugin, verified a moment ago.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The library, or the folder of the sources.
    pub path: PathBuf,
    /// What the lock says of it.
    pub plugin: LockedPlugin,
}

impl Home {
    /// The home in `folder`, which need not exist yet.
    pub fn new(folder: &Path) -> Self {
        Self(folder.into())
    }

    /// The file with the user's keys.
    pub fn trust_path(&self) -> PathBuf {
        self.0.join("trust.toml")
    }

    /// The user's keys.
    pub fn trust(&self) -> Result<Trust> {
        Trust::read(&self.trust_path())
    }

    /// Changes the user's keys.
    pub fn change_trust<T>(&self, change: impl FnOnce(&mut Trust) -> Result<T>) -> Result<T> {
        let _alone = self.lock()?;
        let mut trust = self.trust()?;
        let before = trust.clone();
        let result = change(&mut trust)?;
        if trust != before {
            trust.write(&self.trust_path())?;
        }
        Ok(result)
    }

    /// Where a package lies when it is installed.
    pub fn folder_of(&self, content: &Hash) -> PathBuf {
        self.0.join("store").join(content.as_str())
    }

    /// Two programs of one user do not install at the same time.
    pub(crate) fn lock(&self) -> Result<File> {
        std::fs::create_dir_all(&self.0).map_err(|error| PackageError::write(&self.0, error))?;
        let path = self.0.join("plugins.lock");
        let write = |error| PackageError::write(&path, error);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(write)?;
        file.lock().map_err(write)?;
        Ok(file)
    }

    /// Unpacks a package into the store, after its libraries were held against what it says of them. Nothing is left
    /// behind where it is refused.
    pub(crate) fn unpack(&self, package: &Package) -> Result<PathBuf> {
        let folder = self.folder_of(&package.hashes().content());
        let store = folder.parent().unwrap_or(&self.0);
        let write = |error: std::io::Error| PackageError::write(store, error);
        std::fs::create_dir_all(store).map_err(write)?;
        let staging = tempfile::Builder::new().prefix(".new-").tempdir_in(store).map_err(write)?;
        package.unpack(staging.path())?;
        payload::check(package, staging.path())?;
        if folder.exists() {
            // It may be damaged, or signed by an earlier key; what was just verified is better.
            std::fs::remove_dir_all(&folder).map_err(write)?;
        }
        std::fs::rename(staging.path(), &folder).map_err(write)?;
        Ok(folder)
    }

    /// Deletes a package from the store; whether it was there.
    pub fn purge(&self, content: &Hash) -> Result<bool> {
        let _alone = self.lock()?;
        let folder = self.folder_of(content);
        match std::fs::remove_dir_all(&folder) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(PackageError::write(&folder, error)),
        }
    }

    /// The plugins of a lock, each verified: the signature, the list of hashes, the files that will run. The first that
    /// does not hold refuses them all.
    pub fn open_locked(&self, path: &Path, lock: &Lock) -> Result<Vec<Installed>> {
        let trust = self.trust()?;
        lock.plugins.iter().map(|plugin| self.open_one(path, plugin, &trust)).collect()
    }

    pub(crate) fn open_one(&self, lock: &Path, plugin: &LockedPlugin, trust: &Trust) -> Result<Installed> {
        let folder = self.folder_of(&plugin.content);
        if !folder.is_dir() {
            let (plugin, version, lock) = (plugin.id.clone(), plugin.version.clone(), lock.to_owned());
            return Err(PackageError::NotInstalled { plugin, version, lock });
        }
        let text = |name: &str| {
            let path = folder.join(name);
            let long = std::fs::metadata(&path).is_ok_and(|data| data.len() > limits::HASHES);
            if long {
                return Err(PackageError::read(&path, "it is too long"));
            }
            std::fs::read_to_string(&path).map_err(|error| PackageError::read(&path, error))
        };
        let key = trust.key_of_installed(&plugin.id, plugin.key)?;
        let wrong = |source| PackageError::Signature { package: folder.clone(), source };
        let hashes = text(HASHES)?;
        let signature = Signature::parse(&text(SIGNATURE)?).map_err(wrong)?;
        let found = Hash::of(hashes.as_bytes());
        if found != plugin.content {
            return Err(PackageError::changed(&folder, HASHES, &found, &plugin.content));
        }
        let said = signature.verify(&key, hashes.as_bytes()).map_err(wrong)?;
        let expected = plugin.comment().to_string();
        if said != expected {
            return Err(PackageError::Contradiction {
                package: folder,
                says: "its signature says",
                found: format!("`{said}`"),
                other: "the lock",
                expected: format!("`{expected}`"),
            });
        }
        let hashes = HashList::parse(&hashes)
            .map_err(|source| PackageError::HashList { package: folder.clone(), source })?;
        let payload = plugin.payload(TARGET).ok_or_else(|| PackageError::Target {
            plugin: plugin.id.clone(),
            version: plugin.version.clone(),
            target: TARGET.into(),
            has: plugin.payloads.iter().map(|payload| payload.target.clone()).collect(),
        })?;
        let path = payload.path.under(&folder);
        let listed = match hashes.get(payload.path.as_str()) {
            Some(listed) => {
                check_file(&folder, payload.path.as_str(), &path, &listed.hash)?;
                listed.hash.clone()
            }
            None => {
                check_folder(&folder, &path, &hashes, payload.path.as_str())?;
                hashes.hash_of_folder(payload.path.as_str())
            }
        };
        if listed != payload.sha256 {
            return Err(PackageError::changed(&folder, payload.path.as_str(), &listed, &payload.sha256));
        }
        Ok(Installed { path, plugin: plugin.clone() })
    }

    /// Holds what an index says now against what it said before, and remembers it.
    pub(crate) fn remember(&self, index: &dyn IndexSource, plugin: &PluginIndex) -> Result<()> {
        let folder = self.0.join("seen").join(Hash::of(index.place().as_bytes()).short());
        let path = folder.join(format!("{}.json", plugin.id));
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let before = PluginIndex::parse(&text)
                    .map_err(|problem| PackageError::read(&path, format!("{problem}; hint: delete it")))?;
                plugin.check_grown_from(&before, index.name(), &path)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(PackageError::read(&path, error)),
        }
        std::fs::create_dir_all(&folder).map_err(|error| PackageError::write(&folder, error))?;
        replace(&path, |mut file| {
            std::io::Write::write_all(&mut file, plugin.text().as_bytes())?;
            Ok(file)
        })
        .map_err(|error| PackageError::write(&path, error))
    }
}

fn check_file(package: &Path, name: &str, path: &Path, expected: &Hash) -> Result<()> {
    let found = Hash::of_file(path).map_err(|error| PackageError::read(path, error))?;
    if found == *expected { Ok(()) } else { Err(PackageError::changed(package, name, &found, expected)) }
}

/// Every file of a folder of sources is listed and as listed: one more could be imported in another's place.
fn check_folder(package: &Path, folder: &Path, hashes: &HashList, name: &str) -> Result<()> {
    for (path, listed) in hashes.under(name) {
        check_file(package, path.as_str(), &path.under(package), &listed.hash)?;
    }
    // The user's own word on which program runs it.
    let local = folder.join(LOCAL_SETTINGS);
    let known: HashSet<PathBuf> = hashes.under(name).map(|(path, _)| path.under(package)).collect();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let read = |error| PackageError::read(&folder, error);
        for entry in std::fs::read_dir(&folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            let path = entry.path();
            if entry.file_name() == "__pycache__" {
                // What the interpreter left there for speed is code that nobody signed.
                std::fs::remove_dir_all(&path).map_err(|error| PackageError::write(&path, error))?;
            } else if entry.file_type().map_err(read)?.is_dir() {
                folders.push(path);
            } else if !known.contains(&path) && path != local {
                let problem = format!("`{}` is not in its list of hashes", path.display());
                return Err(PackageError::Entry { package: package.into(), problem });
            }
        }
    }
    Ok(())
}
