//! What can go wrong between an author's library and a user's store.

use std::path::{Path, PathBuf};

use heirloom_plugin_host::Capability;
use semver::Version;

use crate::hash::Hash;
use crate::hash_list::HashListProblem;
use crate::minisign::{KeyId, MinisignError};
use crate::tar::TarProblem;

/// The crate's result.
pub type Result<T> = std::result::Result<T, PackageError>;

/// Why a package, an index, the store or a lock is refused, or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A file could not be read.
    #[error("`{path}` cannot be read: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A file could not be written.
    #[error(
        "`{path}` cannot be written: {reason}; hint: check that its folder exists, is yours and has room"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// What is to be packed is no plugin, or not all of one.
    #[error("`{path}` cannot be packed: {problem}")]
    Pack {
        /// The library or folder.
        path: PathBuf,
        /// Why not, and what to do.
        problem: String,
    },
    /// A file is no package.
    #[error(
        "`{package}` is no package: {problem}; hint: fetch it again; a package is made by `heirloom plugin pack`"
    )]
    NotAPackage {
        /// The file.
        package: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An entry of a package must not be there.
    #[error("package `{package}` is refused: {problem}; hint: do not use it, and tell where it came from")]
    Entry {
        /// The package.
        package: PathBuf,
        /// Which entry, and why.
        problem: String,
    },
    /// A package weighs more than packages may.
    #[error(
        "package `{package}` is refused: {what} larger than {limit} bytes; hint: leave data out of packages; let the \
         plugin fetch or be told where it is"
    )]
    TooLarge {
        /// The package.
        package: PathBuf,
        /// What is too large.
        what: String,
        /// What is allowed.
        limit: u64,
    },
    /// The list of hashes is none.
    #[error("package `{package}`: `hashes.txt` {source}; hint: do not use it; fetch it again")]
    HashList {
        /// The package.
        package: PathBuf,
        /// The line, and what is wrong with it.
        source: HashListProblem,
    },
    /// A file is not the one that is listed.
    #[error(
        "`{package}`: `{file}` was changed: its hash is {found}…, listed is {expected}…; hint: do not use it; fetch \
         the package again, an installed one by `heirloom plugin add --locked`"
    )]
    Changed {
        /// The package, or the store's folder of it.
        package: PathBuf,
        /// The file in it.
        file: String,
        /// The beginning of its hash.
        found: String,
        /// The beginning of the hash that is listed.
        expected: String,
    },
    /// A package is not signed.
    #[error(
        "package `{package}` is not signed, and what is installed must be; hint: its author runs `heirloom plugin sign`; \
         for your own work, search with `--plugins FOLDER` instead of installing"
    )]
    Unsigned {
        /// The package.
        package: PathBuf,
    },
    /// A signature does not hold.
    #[error("package `{package}`: {source}; hint: do not use it; fetch it again, from its author if need be")]
    Signature {
        /// The package.
        package: PathBuf,
        /// Why not.
        source: MinisignError,
    },
    /// A key's file is none.
    #[error("`{path}`: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: MinisignError,
    },
    /// Two places say different things of one package.
    #[error(
        "package `{package}` is refused: {says} {found}, {other} {expected}; hint: an old or foreign package may have \
         been put in its place: tell who runs the index"
    )]
    Contradiction {
        /// The package.
        package: PathBuf,
        /// Who says the first.
        says: &'static str,
        /// What it says.
        found: String,
        /// Who says the other.
        other: &'static str,
        /// What that is.
        expected: String,
    },
    /// `package.toml` or `plugin.toml` is wrong.
    #[error("package `{package}`: `{file}` is wrong: {problem}; hint: ask its author for another package")]
    Description {
        /// The package.
        package: PathBuf,
        /// Which file.
        file: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// What a package says of its library is not what the library says.
    #[error(
        "package `{package}` is refused: it lies about `{file}`: {problem}; hint: do not use it, and tell its author"
    )]
    Lie {
        /// The package.
        package: PathBuf,
        /// The library or schema.
        file: String,
        /// The difference.
        problem: String,
    },
    /// A plugin was built for an interface level that this program does not speak.
    #[error(transparent)]
    Interface(#[from] heirloom_plugin_host::HostError),
    /// A plugin has nothing that runs here.
    #[error(
        "plugin `{plugin}` {version} has no payload for `{target}`, only for {}; hint: ask its author for a build, or \
         build it and use `--plugins FOLDER`", quoted(.has)
    )]
    Target {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: Version,
        /// What runs here.
        target: String,
        /// What it was built for.
        has: Vec<String>,
    },
    /// A plugin wants to be allowed what nobody granted.
    #[error(
        "plugin `{plugin}` {version} asks for {}, which was not granted; hint: if you trust it with that, add {}",
        quoted(.asked), .asked.iter().map(|one| format!("`--grant {one}`")).collect::<Vec<_>>().join(" ")
    )]
    Capability {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: Version,
        /// What was not granted.
        asked: Vec<Capability>,
    },
    /// A plugin is signed by another key than before.
    #[error(
        "plugin `{plugin}` was signed by key {pinned} before, and key {found} is no successor that it signed; hint: ask \
         its author; if the new key is theirs, `heirloom plugin key pin FILE.pub --plugin {plugin}`"
    )]
    OtherKey {
        /// The plugin.
        plugin: String,
        /// The key of this user's first installation.
        pinned: KeyId,
        /// The key now.
        found: KeyId,
    },
    /// A plugin's key is not known.
    #[error(
        "the public key {key} of plugin `{plugin}` is not known; hint: get it from its author and give it with \
         `--key FILE.pub`"
    )]
    UnknownKey {
        /// The plugin.
        plugin: String,
        /// The key.
        key: KeyId,
    },
    /// A key was revoked.
    #[error(
        "key {key}, which signed plugin `{plugin}`, was revoked: {reason}; hint: `heirloom plugin update {plugin}` takes \
         a version signed by its successor; without one, `heirloom plugin remove {plugin}`"
    )]
    Revoked {
        /// The plugin.
        plugin: String,
        /// The key.
        key: KeyId,
        /// Why.
        reason: String,
    },
    /// A statement about a key does not hold.
    #[error("statement `{path}` about a key is refused: {problem}; hint: tell who runs the index")]
    Statement {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// An index is not as it should be.
    #[error("index `{index}`: {problem}")]
    Index {
        /// Where it is.
        index: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// An index has no such plugin or version.
    #[error("index `{index}` has no {what}; hint: {hint}")]
    NotInIndex {
        /// Where it is.
        index: String,
        /// What was looked for.
        what: String,
        /// What there is.
        hint: String,
    },
    /// A lock is not as it should be.
    #[error("lock `{path}`: {problem}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// What a lock names is not in the store.
    #[error(
        "plugin `{plugin}` {version} of lock `{lock}` is not installed here; hint: `heirloom plugin add --locked` in \
         that folder fetches it"
    )]
    NotInstalled {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: Version,
        /// The lock.
        lock: PathBuf,
    },
    /// The user's settings of trust are none.
    #[error("`{path}`: {problem}; hint: mend it by hand; it holds the keys you trust")]
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl PackageError {
    pub(crate) fn read(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Read { path: path.into(), reason: error.to_string() }
    }

    pub(crate) fn write(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Write { path: path.into(), reason: error.to_string() }
    }

    pub(crate) fn changed(package: &Path, file: &str, found: &Hash, expected: &Hash) -> Self {
        let (found, expected) = (found.short().into(), expected.short().into());
        Self::Changed { package: package.into(), file: file.into(), found, expected }
    }

    pub(crate) fn tar(package: &Path, problem: TarProblem) -> Self {
        let package = package.to_owned();
        match problem {
            TarProblem::Kind { .. } => Self::Entry { package, problem: problem.to_string() },
            TarProblem::Read(_) | TarProblem::Damaged(_) => {
                Self::NotAPackage { package, problem: problem.to_string() }
            }
        }
    }
}

fn quoted(items: &[impl std::fmt::Display]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}
