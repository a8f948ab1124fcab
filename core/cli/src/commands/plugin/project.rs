//! What the commands around a project's lock share: where it is, where its index is, which keys there are.

use std::path::{Path, PathBuf};

use clap::Args;
use heirloom_plugin_host::Capability;
use heirloom_plugin_package::index::{self, FolderIndex, IndexSource};
use heirloom_plugin_package::minisign::{KeyId, PublicKey, SecretKey};
use heirloom_plugin_package::{LOCK, Lock, LockedPlugin};

use crate::context::{Context, data_folder};
use crate::failure::{Failure, OrFail};

/// Which project is meant.
#[derive(Debug, Args)]
pub(super) struct Project {
    /// The lock's file
    #[arg(long, value_name = "FILE", default_value = LOCK)]
    lock: PathBuf,
}

impl Project {
    pub(super) fn path(&self) -> &Path {
        &self.lock
    }

    /// The lock's folder, where relative paths in it start.
    pub(super) fn folder(&self) -> PathBuf {
        let path = std::path::absolute(&self.lock).unwrap_or_else(|_| self.lock.clone());
        path.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// The lock, an empty one where there is none yet.
    pub(super) fn read(&self) -> miette::Result<Lock> {
        if self.lock.exists() { Lock::read(&self.lock).or_fail() } else { Ok(Lock::default()) }
    }

    /// The index that an entry of the lock came from.
    pub(super) fn index_of(&self, plugin: &LockedPlugin) -> miette::Result<FolderIndex> {
        if plugin.index.is_empty() {
            let (id, lock) = (&plugin.id, self.lock.display());
            return Err(Failure::usage(format!(
                "`{id}` of `{lock}` came from a file, not from an index; hint: add its package's file again"
            ))
            .into());
        }
        index::open(&plugin.index, &self.folder()).or_fail()
    }

    /// The index that a person names, as the lock can name it: from its own folder.
    pub(super) fn index(&self, name: &Path) -> miette::Result<FolderIndex> {
        let text = name.to_string_lossy();
        let here = std::env::current_dir().or_fail()?;
        if text.contains("://") || name.is_absolute() || here == self.folder() {
            return index::open(&text, &here).or_fail();
        }
        let path = std::path::absolute(name).or_fail()?;
        index::open(&path.to_string_lossy(), &here).or_fail()
    }
}

/// Which index is meant.
#[derive(Debug, Args)]
pub(super) struct IndexOption {
    /// The index: a folder, or its `file://` address [default: $HEIRLOOM_INDEX]
    #[arg(long, value_name = "FOLDER")]
    index: Option<PathBuf>,
}

impl IndexOption {
    /// The index of the command line.
    pub(super) fn given(&self) -> Option<&Path> {
        self.index.as_deref()
    }

    /// The index of the command line, else of the environment.
    pub(super) fn path(&self) -> miette::Result<PathBuf> {
        let from_environment = || std::env::var_os("HEIRLOOM_INDEX").map(PathBuf::from);
        let named = self.index.clone().or_else(from_environment);
        named.filter(|path| !path.as_os_str().is_empty()).ok_or_else(|| {
            Failure::usage("no index is named; hint: give `--index FOLDER`, or set `HEIRLOOM_INDEX`").into()
        })
    }
}

/// A capability by its name.
pub(super) fn capability(name: &str) -> Result<Capability, String> {
    let all = [Capability::Processes, Capability::Network, Capability::Files];
    all.into_iter()
        .find(|one| one.to_string() == name)
        .ok_or_else(|| format!("there are {}", all.map(|one| format!("`{one}`")).join(", ")))
}

/// Reads a public key's file.
pub(super) fn public_key(path: &Path) -> miette::Result<PublicKey> {
    PublicKey::parse(&read(path)?)
        .map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())).into())
}

/// Reads a secret key's file.
pub(super) fn secret_key(path: &Path) -> miette::Result<SecretKey> {
    SecretKey::parse(&read(path)?)
        .map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())).into())
}

fn read(path: &Path) -> miette::Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "`{}` cannot be read: {error}; hint: `heirloom plugin key new` makes a pair of keys",
            path.display()
        ))
        .into()
    })
}

/// The folder of the user's own keys.
pub(super) fn keys_folder() -> miette::Result<PathBuf> {
    let folder = data_folder().map(|folder| folder.join("keys"));
    folder.ok_or_else(|| Failure::usage("there is no place for keys; hint: set `HEIRLOOM_HOME`").into())
}

/// The secret key that is meant: the one given, else the user's own.
pub(super) fn own_key(given: Option<&PathBuf>) -> miette::Result<SecretKey> {
    match given {
        Some(path) => secret_key(path),
        None => secret_key(&keys_folder()?.join("author.key")),
    }
}

/// A public key by its id: the one given, one of the user's own, or one that the user trusts.
pub(super) fn known_key(
    context: &Context,
    given: Option<&PathBuf>,
    id: KeyId,
    index: Option<&dyn IndexSource>,
) -> miette::Result<PublicKey> {
    if let Some(path) = given {
        return public_key(path);
    }
    let own = keys_folder().ok().and_then(|folder| std::fs::read_dir(folder).ok());
    let files = own.into_iter().flatten().flatten().map(|entry| entry.path());
    let mut own = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "pub"))
        .filter_map(|path| PublicKey::parse(&std::fs::read_to_string(path).ok()?).ok());
    if let Some(key) = own.find(|key| key.id() == id) {
        return Ok(key);
    }
    if let Some(key) = context.home()?.trust().or_fail()?.key(id) {
        return Ok(key);
    }
    if let Some(source) = index
        && let Some(key) = index::key(source, id).or_fail()?
    {
        return Ok(key);
    }
    Err(Failure::usage(format!("public key {id} is not known here; hint: give it with `--key FILE.pub`"))
        .into())
}
