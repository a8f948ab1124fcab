//! An index: where packages are published, a plain folder.
//!
//! ```text
//! plugins.json                       the ids of all plugins
//! plugins/ID/index.json              its versions; only ever added to
//! plugins/ID/ID-VERSION.heirloom     the packages
//! keys/KEY.pub                       public keys
//! keys.json                          the names of all statements of keys
//! keys/OLD-NEW.successor             a key names its successor
//! keys/KEY.revoked                   a key takes itself out of use
//! ```
//!
//! Nothing in it is believed for being there: packages and statements are signed, and what an index said of a version
//! once must stay what it says.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use heirloom_model::suggest;
use heirloom_plugin_host::Capability;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::error::{PackageError, Result};
use crate::hash::Hash;
use crate::minisign::{KeyId, PublicKey};
use crate::pack::replace;
use crate::read::SealedPackage;
use crate::statement::Statement;
use crate::{limits, manifest};

const FORMAT: u32 = 1;

/// Where an index's files are read from. A folder is one.
pub trait IndexSource {
    /// What messages and locks call it.
    fn name(&self) -> &str;

    /// Where it is, written in one way: what it is known again by.
    fn place(&self) -> String;

    /// A text of at most [`limits::TEXT`] bytes; `None` where there is none.
    fn text(&self, path: &str) -> Result<Option<String>>;

    /// Copies a package's file.
    fn fetch(&self, path: &str, to: &Path) -> Result<()>;
}

/// The index that a person or a lock names: a folder's path, absolute or from `base`, or its `file://` address.
pub fn open(name: &str, base: &Path) -> Result<FolderIndex> {
    let wrong = |problem: String| PackageError::Index { index: name.into(), problem };
    let path = match name.split_once("://") {
        None => base.join(name),
        Some(("file", path)) if path.starts_with('/') => path.into(),
        Some(("file", _)) => return Err(wrong("it names a host; hint: write `file:///the/folder`".into())),
        Some((scheme, _)) => {
            return Err(wrong(format!(
                "`{scheme}` is not spoken yet; hint: copy the index's folder here and name that"
            )));
        }
    };
    if !path.is_dir() {
        return Err(wrong(
            "there is no such folder; hint: check `--index`, or `heirloom plugin publish` there".into(),
        ));
    }
    Ok(FolderIndex { name: name.into(), folder: path })
}

/// An index in a folder.
#[derive(Debug, Clone)]
pub struct FolderIndex {
    name: String,
    folder: PathBuf,
}

impl IndexSource for FolderIndex {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> String {
        let place = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        place.to_string_lossy().into_owned()
    }

    fn text(&self, path: &str) -> Result<Option<String>> {
        let path = self.folder.join(path);
        let read = |error| PackageError::read(&path, error);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
            Ok(data) if data.len() > limits::TEXT => {
                let problem = format!("`{}` is longer than {} bytes", path.display(), limits::TEXT);
                return Err(PackageError::Index { index: self.name.clone(), problem });
            }
            Ok(_) => {}
        }
        std::fs::read_to_string(&path).map(Some).map_err(read)
    }

    fn fetch(&self, path: &str, to: &Path) -> Result<()> {
        let from = self.folder.join(path);
        let source = File::open(&from).map_err(|error| PackageError::read(&from, error))?;
        let mut target = File::create(to).map_err(|error| PackageError::write(to, error))?;
        let n_bytes = std::io::copy(&mut source.take(limits::UNPACKED + 1), &mut target)
            .map_err(|error| PackageError::write(to, error))?;
        match n_bytes > limits::UNPACKED {
            true => {
                Err(PackageError::TooLarge { package: from, what: "it is".into(), limit: limits::UNPACKED })
            }
            false => Ok(()),
        }
    }
}

/// All versions of one plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginIndex {
    /// The format of this file.
    pub format: u32,
    /// The plugin.
    pub id: String,
    /// Its versions, in the order in which they were published.
    pub versions: Vec<IndexedVersion>,
}

/// One version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedVersion {
    /// The version.
    pub version: Version,
    /// The interface level it was built for.
    pub interface: u32,
    /// The targets it runs on.
    pub targets: Vec<String>,
    /// What it asks to be allowed.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// The hash of the package's file.
    pub sha256: Hash,
    /// The hash of its list of hashes.
    pub content: Hash,
    /// The key that signed it.
    pub key: KeyId,
}

impl PluginIndex {
    /// Reads what an index has of a plugin.
    pub fn read(source: &dyn IndexSource, id: &str) -> Result<Self> {
        let wrong = |problem: String| PackageError::Index { index: source.name().into(), problem };
        manifest::name(id).map_err(|problem| wrong(format!("the name `{id}` {problem}")))?;
        let Some(text) = source.text(&index_path(id))? else {
            let all = plugins(source)?;
            let all: Vec<_> = all.iter().map(String::as_str).collect();
            let hint = match all.is_empty() {
                true => "it has no plugins at all".into(),
                false => suggest::remedy(id, "it has", &all),
            };
            let (index, what) = (source.name().into(), format!("plugin `{id}`"));
            return Err(PackageError::NotInIndex { index, what, hint });
        };
        let index =
            Self::parse(&text).map_err(|problem| wrong(format!("`{}`: {problem}", index_path(id))))?;
        if index.id != id {
            return Err(wrong(format!("`{}` is of plugin `{}`", index_path(id), index.id)));
        }
        Ok(index)
    }

    /// Reads the text of an `index.json`.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let index: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if index.format != FORMAT {
            let found = index.format;
            return Err(format!("it has format {found}, this program reads {FORMAT}; hint: update Heirloom"));
        }
        let mut versions: Vec<_> = index.versions.iter().map(|entry| &entry.version).collect();
        versions.sort();
        match versions.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("it has version {} twice", pair[0])),
            None => Ok(index),
        }
    }

    /// Its text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("versions and hashes are texts") + "\n"
    }

    /// What was said before must still be said, word for word: an index forgets and changes nothing.
    /// `memory` is the file that remembers it.
    pub fn check_grown_from(&self, before: &Self, index: &str, memory: &Path) -> Result<()> {
        for old in &before.versions {
            let problem = match self.versions.iter().find(|new| new.version == old.version) {
                Some(new) if new == old => continue,
                Some(_) => "changed since it was last read",
                None => "is gone since it was last read",
            };
            let (id, version, memory) = (&self.id, &old.version, memory.display());
            let problem = format!(
                "version {version} of `{id}` {problem}; an index is only ever added to; hint: ask who runs it, and \
                 install nothing from it until you know why; then delete `{memory}`"
            );
            return Err(PackageError::Index { index: index.into(), problem });
        }
        Ok(())
    }

    /// The path of a version's package.
    pub fn package_path(&self, version: &Version) -> String {
        format!("plugins/{}/{}", self.id, crate::description::file_name(&self.id, version))
    }
}

fn index_path(id: &str) -> String {
    format!("plugins/{id}/index.json")
}

/// The ids of an index's plugins.
pub fn plugins(source: &dyn IndexSource) -> Result<Vec<String>> {
    names(source, "plugins.json")
}

fn names(source: &dyn IndexSource, path: &str) -> Result<Vec<String>> {
    let Some(text) = source.text(path)? else { return Ok(Vec::new()) };
    serde_json::from_str(&text).map_err(|error| {
        let problem = format!("`{path}`: {error}");
        PackageError::Index { index: source.name().into(), problem }
    })
}

/// A public key of an index.
pub fn key(source: &dyn IndexSource, id: KeyId) -> Result<Option<PublicKey>> {
    let path = format!("keys/{id}.pub");
    let Some(text) = source.text(&path)? else { return Ok(None) };
    let key = PublicKey::parse(&text)
        .map_err(|error| PackageError::Key { path: path.clone().into(), source: error })?;
    match key.id() == id {
        true => Ok(Some(key)),
        false => {
            let problem = format!("`{path}` is key {}", key.id());
            Err(PackageError::Index { index: source.name().into(), problem })
        }
    }
}

/// What keys say of themselves in an index, each with its path.
pub fn statements(source: &dyn IndexSource) -> Result<Vec<(PathBuf, Statement)>> {
    let mut all = Vec::new();
    for name in names(source, "keys.json")? {
        let path = format!("keys/{name}");
        let wrong = |problem: String| PackageError::Statement { path: path.clone().into(), problem };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) {
            return Err(wrong("its name is none".into()));
        }
        let text = source.text(&path)?.ok_or_else(|| wrong("it is not there".into()))?;
        let statement = Statement::parse(&text).map_err(|error| wrong(error.to_string()))?;
        all.push((path.into(), statement));
    }
    Ok(all)
}

impl FolderIndex {
    /// The folder of an index that may not exist yet.
    pub fn at(folder: &Path) -> Self {
        Self { name: folder.display().to_string(), folder: folder.into() }
    }

    /// Adds a package, after all checks that a user's installation would make.
    pub fn publish(&self, package: &Path, key: &PublicKey) -> Result<IndexedVersion> {
        let checked = SealedPackage::open(package)?.verify(key)?.read()?;
        let about = checked.description();
        let file = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        checked.agree("it is called", &file, "by its `package.toml` it should be", &about.file_name())?;
        checked.check_payloads()?;

        let _alone = self.lock()?;
        let wrong = |problem: String| PackageError::Index { index: self.name.clone(), problem };
        let mut index = match self.text(&index_path(&about.id))? {
            Some(_) => PluginIndex::read(self, &about.id)?,
            None => PluginIndex { format: FORMAT, id: about.id.clone(), versions: Vec::new() },
        };
        if index.versions.iter().any(|entry| entry.version == about.version) {
            return Err(wrong(format!(
                "it has version {} of `{}` already, and published versions stay as they are; hint: raise the version, \
                 then build, pack and sign again",
                about.version, about.id
            )));
        }
        self.check_successor(&index, key)?;
        let entry = IndexedVersion {
            version: about.version.clone(),
            interface: about.interface,
            targets: about.targets(),
            capabilities: about.capabilities.clone(),
            sha256: Hash::of_file(package).map_err(|error| PackageError::read(package, error))?,
            content: checked.hashes().content(),
            key: key.id(),
        };
        let to = self.folder.join(index.package_path(&about.version));
        let folder = to.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder).map_err(|error| PackageError::write(folder, error))?;
        let mut source = File::open(package).map_err(|error| PackageError::read(package, error))?;
        replace(&to, |mut file| {
            std::io::copy(&mut source, &mut file)?;
            Ok(file)
        })
        .map_err(|error| PackageError::write(&to, error))?;
        self.put_key(key)?;
        index.versions.push(entry.clone());
        self.put(&index_path(&about.id), &index.text())?;
        self.add_name("plugins.json", &about.id)?;
        Ok(entry)
    }

    /// Whether `key` may sign the next version of a plugin: the last version's key, or one that it named.
    fn check_successor(&self, index: &PluginIndex, key: &PublicKey) -> Result<()> {
        let statements = statements(self)?;
        let revoked = statements.iter().find(|(_, statement)| {
            matches!(statement, Statement::Revoked { key: other, .. } if other.id() == key.id())
        });
        if let Some((_, Statement::Revoked { reason, .. })) = revoked {
            let (plugin, reason) = (index.id.clone(), reason.clone());
            return Err(PackageError::Revoked { plugin, key: key.id(), reason });
        }
        let Some(last) = index.versions.last() else { return Ok(()) };
        let mut current = last.key;
        // Each step uses up a statement, so a circle ends too.
        for _ in 0..=statements.len() {
            if current == key.id() {
                return Ok(());
            }
            let next = statements.iter().find_map(|(_, statement)| match statement {
                Statement::Successor { old, next, .. } if *old == current => Some(next.id()),
                _ => None,
            });
            match next {
                Some(next) => current = next,
                None => break,
            }
        }
        let problem = format!(
            "the last version of `{}` was signed by key {}, this one by {}; hint: let the old key name the new one: \
             `heirloom plugin key rotate --from OLD.key --to NEW.pub --index INDEX`",
            index.id,
            last.key,
            key.id()
        );
        Err(PackageError::Index { index: self.name.clone(), problem })
    }

    /// Adds a statement of a key.
    pub fn publish_statement(&self, statement: &Statement) -> Result<()> {
        let _alone = self.lock()?;
        let name = statement.file_name();
        match statement {
            Statement::Successor { next: key, .. } | Statement::Revoked { key, .. } => self.put_key(key)?,
        }
        self.put(&format!("keys/{name}"), &statement.text())?;
        self.add_name("keys.json", &name)
    }

    fn put_key(&self, key: &PublicKey) -> Result<()> {
        self.put(&format!("keys/{}.pub", key.id()), &key.text())
    }

    fn put(&self, path: &str, text: &str) -> Result<()> {
        let path = self.folder.join(path);
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder).map_err(|error| PackageError::write(folder, error))?;
        replace(&path, |mut file| {
            file.write_all(text.as_bytes())?;
            Ok(file)
        })
        .map_err(|error| PackageError::write(&path, error))
    }

    fn add_name(&self, path: &str, name: &str) -> Result<()> {
        let mut all = names(self, path)?;
        if all.iter().any(|known| known == name) {
            return Ok(());
        }
        all.push(name.into());
        all.sort();
        self.put(path, &(serde_json::to_string_pretty(&all).expect("names are texts") + "\n"))
    }

    /// Two publishers at the same time would each forget the other's version.
    fn lock(&self) -> Result<File> {
        std::fs::create_dir_all(&self.folder).map_err(|error| PackageError::write(&self.folder, error))?;
        let path = self.folder.join(".lock");
        let write = |error| PackageError::write(&path, error);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(write)?;
        file.lock().map_err(write)?;
        Ok(file)
    }
}
