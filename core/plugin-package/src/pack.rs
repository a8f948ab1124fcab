//! Makes packages: from built libraries, or from a folder of sources; and signs them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use heirloom_plugin_host::{ANY_TARGET, source_files};

use crate::description::{DESCRIPTION, DescribedComponent, Description, FORMAT, MANIFEST, Payload, SOURCE};
use crate::docs;
use crate::entry_path::EntryPath;
use crate::error::{PackageError, Result};
use crate::found::Found;
use crate::hash::Hash;
use crate::hash_list::{HASHES, HashList, Listed, SIGNATURE};
use crate::minisign::{SECRET_HEAD, SecretKey, Signature, is_secret};
use crate::read::SealedPackage;
use crate::tar::TarWriter;
use crate::{limits, manifest};

/// How hard the compression tries; its window is no larger than readers allow.
const COMPRESSION: i32 = 7;

/// What goes into a package.
enum Content {
    File(PathBuf),
    Text(String),
}

impl Content {
    fn listed(&self) -> Result<Listed> {
        match self {
            Self::Text(text) => Ok(Listed { hash: Hash::of(text.as_bytes()), size: text.len() as u64 }),
            Self::File(path) => {
                let read = |error| PackageError::read(path, error);
                let (hash, size) = Hash::of_reader(&mut File::open(path).map_err(read)?).map_err(read)?;
                Ok(Listed { hash, size })
            }
        }
    }

    /// A key that was made in the plugin's folder must not leave it.
    fn refuse_secret(&self, entry: &EntryPath) -> Result<()> {
        let path = match self {
            Self::File(path) => path.as_path(),
            Self::Text(_) => Path::new(entry.as_str()),
        };
        let read = |error| PackageError::read(path, error);
        let mut head = Vec::new();
        self.open().map_err(read)?.take(SECRET_HEAD).read_to_end(&mut head).map_err(read)?;
        if is_secret(&head) {
            let problem =
                "it is a secret key, which is its owner's alone; hint: move it out of the plugin's folder";
            return Err(PackageError::Pack { path: path.into(), problem: problem.into() });
        }
        Ok(())
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Text(text) => Box::new(text.as_bytes()),
            Self::File(path) => Box::new(File::open(path)?),
        })
    }
}

/// A package to be made.
pub struct Draft {
    files: BTreeMap<EntryPath, Content>,
    description: Description,
}

impl Draft {
    /// A package of libraries, one a target, all built from the same `plugin.toml`, whose text is in each of them.
    pub fn of_libraries(libraries: &[PathBuf]) -> Result<Self> {
        let first = libraries.first().ok_or_else(|| PackageError::Pack {
            path: PathBuf::new(),
            problem: "there is no library; hint: build the plugin first".into(),
        })?;
        let found = describe(first)?;
        let text = found.text.clone();
        let mut draft = Self::new(first, found)?;
        for library in libraries {
            let pack = |problem| PackageError::Pack { path: library.clone(), problem };
            let found = describe(library)?;
            if found.text != text || found.version != draft.description.version {
                let other = first.display();
                return Err(pack(format!(
                    "it was built from another `plugin.toml` or version than `{other}`; hint: build both again"
                )));
            }
            let target = found.target.as_str();
            let file = library.file_name().unwrap_or_default().to_string_lossy();
            let path = EntryPath::new(&format!("lib/{target}/{file}"))
                .map_err(|problem| pack(format!("{problem}; hint: rename the file")))?;
            if draft.description.payloads.iter().any(|payload| payload.target == target) {
                return Err(pack(format!(
                    "there is another library for `{target}`; hint: name one a target"
                )));
            }
            let content = Content::File(library.clone());
            let sha256 = content.listed()?.hash;
            let (target, fingerprint) = (found.target, found.fingerprint);
            draft.description.payloads.push(Payload { target, path: path.clone(), sha256, fingerprint });
            draft.files.insert(path, content);
        }
        draft.description.payloads.sort_by(|a, b| a.target.cmp(&b.target));
        Ok(draft)
    }

    /// A package of a folder of sources with a `plugin.toml`, which runs on every target.
    ///
    /// It holds what the host takes for the plugin's own, [`source_files`]. Links are refused.
    pub fn of_sources(folder: &Path) -> Result<Self> {
        let mut draft = Self::new(folder, describe(folder)?)?;
        let mut listed = Vec::new();
        for file in source_files(folder).map_err(|error| PackageError::read(folder, error))? {
            if file.is_symlink() {
                let problem = "it is a symbolic link; hint: put what it leads to in its place".into();
                return Err(PackageError::Pack { path: file, problem });
            }
            let below = file.strip_prefix(folder).unwrap_or(&file);
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            let path = EntryPath::new(&format!("{SOURCE}/{}", parts.join("/")))
                .map_err(|problem| PackageError::Pack { path: file.clone(), problem: problem.to_string() })?;
            let content = Content::File(file);
            listed.push((path.clone(), content.listed()?));
            draft.files.insert(path, content);
        }
        let path = EntryPath::new(SOURCE).expect("it is a plain name");
        let (target, sha256) = (ANY_TARGET.into(), HashList::new(listed).content());
        draft.description.payloads.push(Payload { target, path, sha256, fingerprint: String::new() });
        Ok(draft)
    }

    fn new(path: &Path, found: Found) -> Result<Self> {
        let pack = |problem: String| PackageError::Pack { path: path.into(), problem };
        manifest::parse(&found.text).map_err(|problem| pack(format!("`{MANIFEST}`: {problem}")))?;
        let page = docs::page(&found.manifest, &found.version, &found.components);
        let mut files = BTreeMap::from([
            (known(MANIFEST), Content::Text(found.text)),
            (known("docs/index.md"), Content::Text(page)),
        ]);
        let mut components = Vec::new();
        for (component, schema) in found.components {
            let (kind, name) = (component.kind, component.name);
            let at = EntryPath::new(&format!("schemas/{kind}-{name}.json"))
                .map_err(|problem| pack(format!("component `{name}`: {problem}")))?;
            let text = format!("{schema:#}\n");
            files.insert(at.clone(), Content::Text(text));
            components.push(DescribedComponent { kind, name, schema: at });
        }
        let description = Description {
            format: FORMAT,
            id: found.manifest.id,
            version: found.version,
            interface: found.interface,
            language: found.manifest.language,
            capabilities: found.manifest.capabilities,
            payloads: Vec::new(),
            components,
        };
        Ok(Self { files, description })
    }

    /// Adds a text for people, such as a README or a licence, under `docs/`.
    pub fn with_text(mut self, name: &str, file: &Path) -> Result<Self> {
        let pack = |problem: String| PackageError::Pack { path: file.into(), problem };
        let path = EntryPath::new(&format!("docs/{name}")).map_err(|problem| pack(problem.to_string()))?;
        let text = std::fs::read_to_string(file).map_err(|error| PackageError::read(file, error))?;
        if text.len() as u64 > limits::TEXT {
            return Err(pack(format!("it is longer than {} bytes; hint: shorten it", limits::TEXT)));
        }
        self.files.insert(path, Content::Text(text));
        Ok(self)
    }

    /// What the package will hold.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Writes the package into `folder`, not signed yet; its file. The same content gives the same bytes.
    pub fn write(mut self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(self.description.file_name());
        self.files.insert(known(DESCRIPTION), Content::Text(self.description.text()));
        let mut listed = Vec::new();
        for (path, content) in &self.files {
            content.refuse_secret(path)?;
            listed.push((path.clone(), content.listed()?));
        }
        let text = HashList::new(listed).text();
        // An author learns of it here, not a user later.
        let hashes = HashList::parse(&text)
            .map_err(|problem| PackageError::Pack { path: path.clone(), problem: problem.to_string() })?;
        let write = |error: io::Error| PackageError::write(&path, error);
        std::fs::create_dir_all(folder).map_err(write)?;
        replace(&path, |file| {
            let mut tar = TarWriter::new(compressor(file)?);
            tar.file(HASHES, text.len() as u64, &mut text.as_bytes())?;
            for (path, listed) in in_order(&hashes) {
                tar.file(path.as_str(), listed.size, &mut self.files[path].open()?)?;
            }
            tar.finish()?.finish()
        })
        .map_err(write)?;
        Ok(path)
    }
}

/// Signs a package: puts the signature in, in the place of an earlier one. The rest stays as it is.
pub fn sign(path: &Path, key: &SecretKey) -> Result<Signature> {
    let package = SealedPackage::open(path)?.without_signature()?.read()?;
    let text = package.hashes().text();
    let signature = Signature::sign(key, text.as_bytes(), &package.description().comment().to_string());
    let unpacked = tempfile::tempdir().map_err(|error| PackageError::write(&std::env::temp_dir(), error))?;
    package.unpack(unpacked.path())?;
    replace(path, |file| {
        let mut tar = TarWriter::new(compressor(file)?);
        let signed = signature.text();
        tar.file(SIGNATURE, signed.len() as u64, &mut signed.as_bytes())?;
        tar.file(HASHES, text.len() as u64, &mut text.as_bytes())?;
        for (path, listed) in in_order(package.hashes()) {
            tar.file(path.as_str(), listed.size, &mut File::open(path.under(unpacked.path()))?)?;
        }
        tar.finish()?.finish()
    })
    .map_err(|error| PackageError::write(path, error))?;
    Ok(signature)
}

/// The files of a package in their order in it: what says what it is comes first.
fn in_order(hashes: &HashList) -> impl Iterator<Item = (&EntryPath, &Listed)> {
    let is_first = |path: &EntryPath| [DESCRIPTION, MANIFEST].contains(&path.as_str());
    let first = hashes.files().filter(move |(path, _)| is_first(path));
    first.chain(hashes.files().filter(move |(path, _)| !is_first(path)))
}

fn known(path: &str) -> EntryPath {
    EntryPath::new(path).expect("it is written here")
}

fn compressor(file: File) -> io::Result<zstd::Encoder<'static, File>> {
    let mut encoder = zstd::Encoder::new(file, COMPRESSION)?;
    encoder.window_log(limits::WINDOW_LOG)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

/// Temporary files are their owner's alone; what replaces another is as readable as a file that is made.
#[cfg(unix)]
fn readable(file: &File) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// Writes a file in whole or not at all.
pub(crate) fn replace(path: &Path, write: impl FnOnce(File) -> io::Result<File>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::Builder::new().prefix(".heirloom-").tempfile_in(folder)?;
    let mut file = write(temporary.reopen()?)?;
    file.flush()?;
    file.sync_all()?;
    readable(&file)?;
    temporary.persist(path)?;
    Ok(())
}

fn describe(path: &Path) -> Result<Found> {
    Found::at(path).map_err(|problem| PackageError::Pack { path: path.into(), problem })
}
