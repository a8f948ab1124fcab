//! One plugin that was found: a library, or a folder of source.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use heirloom_plugin_abi::embed::{ANY_TARGET, TARGET};
use heirloom_plugin_abi::{
    ComponentManifest, INTERFACE_LEVEL, Kind, Language, LoadError, LoadedLibrary, LogSink, Manifest,
    OLDEST_INTERFACE_LEVEL, ToTracing,
};
use serde_json::Value as Json;

use crate::error::HostError;
use crate::host::Isolation;
use crate::library_file::{Described, describe};
use crate::{libtorch, source_folder};

/// A plugin whose record was read.
pub struct Plugin {
    path: PathBuf,
    described: Described,
    /// Loaded, started, and found to be what the record says.
    library: OnceLock<Result<LoadedLibrary, HostError>>,
}

impl Plugin {
    /// Reads the record of the library or the folder of source at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, HostError> {
        let described = if path.is_dir() { source_folder::describe(path)? } else { describe(path)? };
        // A worker has a folder of its own to start from.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
        Ok(Self { path, described, library: OnceLock::new() })
    }

    /// What it is written in.
    pub fn language(&self) -> Language {
        self.described.manifest.language
    }

    /// Whether it is a library, which a process can load.
    pub fn is_library(&self) -> bool {
        self.language() != Language::Python
    }

    /// Where its components run: in the host's process only where that is wanted and can be; a folder of source always
    /// runs in a worker.
    pub fn place(&self, wanted: Isolation) -> Isolation {
        if self.is_library() { wanted } else { Isolation::Process }
    }

    /// The library's file, or the folder of source.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its author says of it.
    pub fn manifest(&self) -> &Manifest {
        &self.described.manifest
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.described.manifest.id
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.described.version
    }

    /// The interface level it was built for.
    pub fn interface(&self) -> u32 {
        self.described.record.interface
    }

    /// The compiler and the target it was built with.
    pub fn built_with(&self) -> (&str, &str) {
        (&self.described.record.rustc, &self.described.record.target)
    }

    /// The hash of its record: tells builds apart.
    pub fn fingerprint(&self) -> &str {
        &self.described.fingerprint
    }

    /// Its components, each with the JSON schema of its options.
    pub fn components(&self) -> impl Iterator<Item = (&ComponentManifest, &Json)> {
        self.described.record.components.iter().filter_map(|recorded| {
            let mut manifests = self.described.manifest.components.iter();
            let manifest =
                manifests.find(|other| (other.kind, &other.name) == (recorded.kind, &recorded.name))?;
            Some((manifest, &recorded.options))
        })
    }

    /// Checks what can be checked without loading: the interface level and the target.
    pub fn check(&self) -> Result<(), HostError> {
        let (plugin, version) = (self.id().to_owned(), self.version().to_owned());
        let record = &self.described.record;
        speaks(&plugin, &version, record.interface)?;
        if record.target != TARGET && record.target != ANY_TARGET {
            let (found, expected) = (record.target.clone(), TARGET.to_owned());
            return Err(HostError::Target { plugin, version, found, expected });
        }
        Ok(())
    }

    /// Whether the library has an extension of this id, such as `strategy/1`. Loads it. Source has the first version of
    /// each, through the frames.
    pub fn offers(&self, extension: &str) -> Result<bool, HostError> {
        if !self.is_library() {
            return Ok(self.components().any(|(component, _)| extension == format!("{}/1", component.kind)));
        }
        Ok(self.library()?.offers(extension))
    }

    /// Checks that the library has the extension of a kind with the layout that this host knows. Loads it. Source has no
    /// layout.
    pub fn check_extension(&self, kind: Kind) -> Result<(), HostError> {
        if !self.is_library() {
            return Ok(());
        }
        let library = self.library()?;
        let found = match kind {
            Kind::Strategy => library.strategies().map(drop),
            Kind::Estimator => library.estimators().map(drop),
            Kind::Proxy => library.proxies().map(drop),
        };
        found.map_err(|error| self.load_error(&error))
    }

    pub(crate) fn needs_libtorch(&self) -> bool {
        self.described.needs_libtorch
    }

    /// Why a plugin that needs LibTorch cannot have it.
    pub(crate) fn without_libtorch(&self, source: libtorch::OpenError) -> HostError {
        HostError::LibTorch { plugin: self.id().into(), version: self.version().into(), source }
    }

    /// The loaded library: all checks, then its start, once.
    pub(crate) fn library(&self) -> Result<LoadedLibrary, HostError> {
        self.library.get_or_init(|| self.load()).clone()
    }

    fn load(&self) -> Result<LoadedLibrary, HostError> {
        self.check()?;
        let (plugin, version) = (self.id().to_owned(), self.version().to_owned());
        let failed = |error: LoadError| self.load_error(&error);
        if self.needs_libtorch() {
            libtorch::open_all().map_err(|source| self.without_libtorch(source))?;
        }
        let library = LoadedLibrary::load(&self.path).map_err(failed)?;
        if library.fingerprint() != self.fingerprint() {
            let (found, expected) = (library.fingerprint().to_owned(), self.fingerprint().to_owned());
            return Err(HostError::Fingerprint { plugin, version, found, expected });
        }
        let log = LogSink::new::<ToTracing>(&format!("{plugin} {version}"));
        library.init(log).map_err(failed)?;
        Ok(library)
    }

    /// An error of the loaded library as the host's.
    pub(crate) fn load_error(&self, error: &LoadError) -> HostError {
        HostError::Load {
            plugin: self.id().into(),
            version: self.version().into(),
            reason: error.to_string(),
        }
    }
}

/// Refuses a plugin of an interface level that this host does not speak.
pub fn speaks(plugin: &str, version: &str, found: u32) -> Result<(), HostError> {
    let (oldest, newest) = (OLDEST_INTERFACE_LEVEL, INTERFACE_LEVEL);
    if (oldest..=newest).contains(&found) {
        return Ok(());
    }
    Err(HostError::Interface { plugin: plugin.into(), version: version.into(), found, oldest, newest })
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("path", &self.path).field("described", &self.described).finish()
    }
}
