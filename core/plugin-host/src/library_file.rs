//! Reads what a library says of itself, without loading it: no code of the library runs.

use std::fmt::Display;
use std::fs::File;
use std::path::Path;

use heirloom_plugin_abi::embed::{self, Embedded, Record, SECTIONS};
use heirloom_plugin_abi::{Language, Manifest};
use object::{Object, ObjectSection, ReadCache};

use crate::error::HostError;
use crate::libtorch;
use crate::plugin::speaks;

/// A library's record and manifest.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    pub(crate) record: Record,
    pub(crate) manifest: Manifest,
    pub(crate) fingerprint: String,
    pub(crate) version: String,
    pub(crate) needs_libtorch: bool,
}

/// Reads the record and the manifest of the library at `path`, and checks that they agree.
pub(crate) fn describe(path: &Path) -> Result<Described, HostError> {
    let Contents { section, dependencies } = read(path)?;
    let unreadable = |problem: &dyn Display| unreadable(path, &section, problem);
    let Embedded { mut record, manifest, fingerprint } =
        embed::parse(&section).map_err(|error| unreadable(&error))?;
    let manifest = Manifest::parse(&manifest).map_err(|error| unreadable(&error))?;
    let bad = |problem: String| HostError::BadManifest { path: path.into(), problem };
    if manifest.language == Language::C {
        // Its compiler does not know the components: the manifest alone says them, and loading finds out whether it lies.
        record =
            manifest.declared_record(&record.target, &record.rustc).map_err(|error| unreadable(&error))?;
    }
    record.interface = manifest.interface.unwrap_or(record.interface);
    for component in &record.components {
        if !manifest
            .components
            .iter()
            .any(|other| (other.kind, &other.name) == (component.kind, &component.name))
        {
            let (kind, name) = (component.kind, &component.name);
            return Err(bad(format!("it exports {kind} `{name}`, which its `plugin.toml` does not name")));
        }
    }
    for component in &manifest.components {
        if !record
            .components
            .iter()
            .any(|other| (other.kind, &other.name) == (component.kind, &component.name))
        {
            let (kind, name) = (component.kind, &component.name);
            return Err(bad(format!("its `plugin.toml` names {kind} `{name}`, which it does not export")));
        }
    }
    let version = manifest.version.clone().unwrap_or_else(|| record.version.clone());
    let needs_libtorch = dependencies.iter().any(|name| libtorch::is_part(name));
    Ok(Described { record, manifest, fingerprint, version, needs_libtorch })
}

/// The text of the `plugin.toml` inside the library at `path`, which is not loaded.
pub fn manifest_text(path: &Path) -> Result<String, HostError> {
    let Contents { section, .. } = read(path)?;
    let embedded = embed::parse(&section).map_err(|error| unreadable(path, &section, &error))?;
    Ok(embedded.manifest)
}

/// What is read of a library.
struct Contents {
    section: Vec<u8>,
    /// The names of the libraries that it depends on, without their folders. Those of one whose dependencies cannot be
    /// read are none: it does not load, which is told when that is tried.
    dependencies: Vec<String>,
}

fn read(path: &Path) -> Result<Contents, HostError> {
    let damaged =
        |error| HostError::NotALibrary { path: path.into(), reason: object::Error::to_string(&error) };
    let file =
        File::open(path).map_err(|error| HostError::Read { path: path.into(), reason: error.to_string() })?;
    // A library may be large; the cache reads the headers and the one section.
    let cache = ReadCache::new(file);
    let library = object::File::parse(&cache).map_err(damaged)?;
    // A package is checked on one system and may hold libraries of another.
    let section = SECTIONS.iter().find_map(|name| library.section_by_name(name));
    let section = section.ok_or_else(|| HostError::NotAPlugin { path: path.into() })?;
    let section = section.data().map_err(damaged)?.to_vec();
    let name = |needed: object::Result<_>| {
        let name = String::from_utf8_lossy(object::ImportLibrary::name(&needed.ok()?)).into_owned();
        name.rsplit('/').next().map(str::to_owned)
    };
    let dependencies = library.import_libraries().into_iter().flatten().filter_map(name).collect();
    Ok(Contents { section, dependencies })
}

/// A record that cannot be read is damaged, or of a level that this host does not know the words of.
fn unreadable(path: &Path, section: &[u8], problem: &dyn Display) -> HostError {
    let card = embed::card(section);
    let other_level = card.and_then(|card| speaks(&card.id, &card.version, card.interface).err());
    other_level.unwrap_or_else(|| HostError::BadManifest { path: path.into(), problem: problem.to_string() })
}
