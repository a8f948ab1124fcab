//! Reads a package in the one order that is safe: signature, list of hashes, manifest, target and versions; only then
//! is anything unpacked. Each step is a type that only the step before it makes.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use heirloom_plugin_host::{LOCAL_SETTINGS, Manifest, TARGET, speaks};
use serde_json::Value as Json;

use crate::description::{DESCRIPTION, Description, MANIFEST, Payload, TrustedComment};
use crate::entry_path::EntryPath;
use crate::error::{PackageError, Result};
use crate::hash::Hash;
use crate::hash_list::{HASHES, HashList, SIGNATURE};
use crate::minisign::{KeyId, PublicKey, SECRET_HEAD, Signature, is_secret};
use crate::tar::{TarProblem, next_header, padding};
use crate::{limits, manifest};

/// A package of which nothing is known but its list of hashes and who says to have signed it.
#[derive(Debug)]
pub struct SealedPackage {
    path: PathBuf,
    hashes: String,
    signature: Option<Signature>,
}

/// A package whose list of hashes is that of its signer, or one that needs none.
#[derive(Debug)]
pub struct TrustedPackage {
    path: PathBuf,
    hashes: HashList,
    signed: Option<(KeyId, TrustedComment)>,
}

/// A package whose files are those that are listed, and whose manifest was read.
#[derive(Debug)]
pub struct Package {
    path: PathBuf,
    hashes: HashList,
    key: Option<KeyId>,
    description: Description,
    manifest: Manifest,
    texts: BTreeMap<String, String>,
}

impl SealedPackage {
    /// Reads the beginning of a package's file.
    pub fn open(path: &Path) -> Result<Self> {
        let mut entries = Entries::open(path)?;
        let missing = || PackageError::NotAPackage {
            package: path.into(),
            problem: format!("it does not begin with `{HASHES}`"),
        };
        let (mut name, mut text) = entries.next_text(limits::HASHES)?.ok_or_else(missing)?;
        let mut signature = None;
        if name == SIGNATURE {
            let wrong = |source| PackageError::Signature { package: path.into(), source };
            signature = Some(Signature::parse(&text).map_err(wrong)?);
            (name, text) = entries.next_text(limits::HASHES)?.ok_or_else(missing)?;
        }
        if name != HASHES {
            return Err(missing());
        }
        Ok(Self { path: path.into(), hashes: text, signature })
    }

    /// The key that it says signed it; true only once the signature is verified.
    pub fn claimed_key(&self) -> Result<KeyId> {
        Ok(self.signature()?.key())
    }

    fn signature(&self) -> Result<&Signature> {
        self.signature.as_ref().ok_or_else(|| PackageError::Unsigned { package: self.path.clone() })
    }

    /// Verifies the signature.
    pub fn verify(self, key: &PublicKey) -> Result<TrustedPackage> {
        let wrong = |source| PackageError::Signature { package: self.path.clone(), source };
        let comment = self.signature()?.verify(key, self.hashes.as_bytes()).map_err(wrong)?;
        let comment = TrustedComment::parse(comment).ok_or_else(|| PackageError::Contradiction {
            package: self.path.clone(),
            says: "its signature says",
            found: format!("`{comment}`"),
            other: "a package's says",
            expected: "`heirloom package id=… version=… interface=…`".into(),
        })?;
        let signed = Some((key.id(), comment));
        Ok(TrustedPackage { hashes: self.hash_list()?, path: self.path, signed })
    }

    /// Reads on without a signature: for an author's own package, never for one that is to be installed.
    pub fn without_signature(self) -> Result<TrustedPackage> {
        Ok(TrustedPackage { hashes: self.hash_list()?, path: self.path, signed: None })
    }

    fn hash_list(&self) -> Result<HashList> {
        let wrong = |source| PackageError::HashList { package: self.path.clone(), source };
        HashList::parse(&self.hashes).map_err(wrong)
    }
}

impl TrustedPackage {
    /// Compares every file with the list of hashes, then reads what the package says of itself. Nothing is written.
    pub fn read(self) -> Result<Package> {
        let mut texts = BTreeMap::new();
        let is_text = |path: &str| {
            path == DESCRIPTION
                || path == MANIFEST
                || path.starts_with("schemas/")
                || path.starts_with("docs/")
        };
        for_each_file(&self.path, &self.hashes, |path, size, reader| {
            let mut head = Vec::new();
            (&mut *reader)
                .take(SECRET_HEAD)
                .read_to_end(&mut head)
                .map_err(|error| PackageError::read(&self.path, error))?;
            if is_secret(&head) {
                let problem =
                    format!("`{path}` is a secret key: whoever has it can sign in its owner's name");
                return Err(PackageError::Entry { package: self.path.clone(), problem });
            }
            if !is_text(path.as_str()) {
                return Ok(());
            }
            if size > limits::TEXT {
                let (package, what) = (self.path.clone(), format!("`{path}` is"));
                return Err(PackageError::TooLarge { package, what, limit: limits::TEXT });
            }
            let mut bytes = head;
            reader.read_to_end(&mut bytes).map_err(|error| PackageError::read(&self.path, error))?;
            let text = String::from_utf8(bytes).map_err(|_| PackageError::NotAPackage {
                package: self.path.clone(),
                problem: format!("`{path}` is no UTF-8 text"),
            })?;
            texts.insert(path.as_str().to_owned(), text);
            Ok(())
        })?;
        let wrong = |file: &'static str| {
            let package = self.path.clone();
            move |problem: String| PackageError::Description { package, file, problem }
        };
        let text = |file: &'static str| {
            texts.get(file).ok_or_else(|| wrong(file)("it is not in the package".into()))
        };
        let description = Description::parse(text(DESCRIPTION)?).map_err(wrong(DESCRIPTION))?;
        let manifest = manifest::parse(text(MANIFEST)?).map_err(wrong(MANIFEST))?;
        let key = self.signed.as_ref().map(|(key, _)| *key);
        let (path, hashes) = (self.path, self.hashes);
        let package = Package { path, hashes, key, description, manifest, texts };
        if let Some((_, comment)) = &self.signed {
            package.agree(
                "its signature says",
                comment,
                "its `package.toml`",
                &package.description.comment(),
            )?;
        }
        package.check_itself()?;
        Ok(package)
    }
}

impl Package {
    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What its author says of the plugin.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The hashes of its files.
    pub fn hashes(&self) -> &HashList {
        &self.hashes
    }

    /// Who signed it; `None` where that was not asked for.
    pub fn key(&self) -> Option<KeyId> {
        self.key
    }

    /// The schema of a component's options.
    pub fn schema(&self, path: &EntryPath) -> Result<Json> {
        let wrong = |problem: String| PackageError::Description {
            package: self.path.clone(),
            file: DESCRIPTION,
            problem: format!("schema `{path}` {problem}"),
        };
        let text = self.texts.get(path.as_str()).ok_or_else(|| wrong("is not in the package".into()))?;
        let schema: Json =
            serde_json::from_str(text).map_err(|error| wrong(format!("is no JSON: {error}")))?;
        if schema.is_object() { Ok(schema) } else { Err(wrong("is no JSON object".into())) }
    }

    /// Its texts by path: manifests, schemas, pages.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// What runs on this machine, if this program speaks its interface.
    pub fn payload_here(&self) -> Result<&Payload> {
        let about = &self.description;
        speaks(&about.id, &about.version.to_string(), about.interface)?;
        about.payload(TARGET).ok_or_else(|| PackageError::Target {
            plugin: about.id.clone(),
            version: about.version.clone(),
            target: TARGET.into(),
            has: about.targets(),
        })
    }

    /// Refuses the package where two places that name it differ.
    pub fn agree<T: PartialEq + std::fmt::Display>(
        &self,
        says: &'static str,
        found: &T,
        other: &'static str,
        expected: &T,
    ) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        let (found, expected) = (format!("`{found}`"), format!("`{expected}`"));
        Err(PackageError::Contradiction { package: self.path.clone(), says, found, other, expected })
    }

    /// Its manifest, its description, its schemas and its list of hashes name the same things.
    fn check_itself(&self) -> Result<()> {
        let about = &self.description;
        self.agree("its `plugin.toml` has id", &self.manifest.id, "its `package.toml`", &about.id)?;
        if let Some(version) = &self.manifest.version {
            let built = about.version.to_string();
            self.agree("its `plugin.toml` has version", version, "its `package.toml`", &built)?;
        }
        if let Some(interface) = self.manifest.interface {
            self.agree(
                "its `plugin.toml` has interface",
                &interface,
                "its `package.toml`",
                &about.interface,
            )?;
        }
        let wrong = |problem: String| PackageError::Description {
            package: self.path.clone(),
            file: DESCRIPTION,
            problem,
        };
        let asked: HashSet<_> = self.manifest.capabilities.iter().collect();
        if asked != about.capabilities.iter().collect() {
            return Err(wrong("it asks for other capabilities than `plugin.toml`".into()));
        }
        if let Some((path, _)) = self.hashes.files().find(|(path, _)| path.names_last(LOCAL_SETTINGS)) {
            let problem = format!("`{path}` would say which program runs it, which is the user's to say");
            return Err(PackageError::Entry { package: self.path.clone(), problem });
        }
        for payload in &about.payloads {
            let path = payload.path.as_str();
            let hash = match self.hashes.get(path) {
                Some(listed) => listed.hash.clone(),
                None if self.hashes.under(path).next().is_some() => self.hashes.hash_of_folder(path),
                None => return Err(wrong(format!("its payload `{path}` is not in the package"))),
            };
            if hash != payload.sha256 {
                return Err(wrong(format!("its payload `{path}` has another hash than is listed")));
            }
        }
        let named: HashSet<_> =
            self.manifest.components.iter().map(|component| (component.kind, &component.name)).collect();
        let described: HashSet<_> =
            about.components.iter().map(|component| (component.kind, &component.name)).collect();
        if named != described {
            return Err(wrong("it has other components than `plugin.toml`".into()));
        }
        about.components.iter().try_for_each(|component| self.schema(&component.schema).map(drop))
    }

    /// Writes all files under `folder`, comparing each once more with the list of hashes.
    pub fn unpack(&self, folder: &Path) -> Result<()> {
        for_each_file(&self.path, &self.hashes, |path, _, reader| {
            let to = path.under(folder);
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent).map_err(|error| PackageError::write(parent, error))?;
            }
            let mut file = File::create_new(&to).map_err(|error| PackageError::write(&to, error))?;
            std::io::copy(reader, &mut file).map_err(|error| PackageError::write(&to, error))?;
            Ok(())
        })?;
        let write = |name: &str, text: &str| {
            let to = folder.join(name);
            std::fs::write(&to, text).map_err(|error| PackageError::write(&to, error))
        };
        write(HASHES, &self.hashes.text())?;
        match SealedPackage::open(&self.path)?.signature {
            Some(signature) => write(SIGNATURE, &signature.text()),
            None => Ok(()),
        }
    }
}

/// Calls `visit` with each file but the list of hashes, in the package's order; then says whether all were there and
/// each was the one that is listed. What `visit` leaves unread is read for it.
fn for_each_file(
    package: &Path,
    hashes: &HashList,
    mut visit: impl FnMut(&EntryPath, u64, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let mut entries = Entries::open(package)?;
    let entry = |problem: String| PackageError::Entry { package: package.into(), problem };
    let mut seen = HashSet::new();
    while let Some((name, size)) = entries.next()? {
        if name == HASHES || name == SIGNATURE {
            entries.finish_entry(size)?;
            continue;
        }
        let path = EntryPath::new(&name).map_err(|problem| entry(format!("`{name}`: {problem}")))?;
        let listed = hashes
            .get(path.as_str())
            .ok_or_else(|| entry(format!("`{path}` is not in its list of hashes")))?;
        if size != listed.size {
            let expected = listed.size;
            return Err(entry(format!("`{path}` has {size} bytes, listed are {expected}")));
        }
        if !seen.insert(path.clone()) {
            return Err(entry(format!("`{path}` is there twice")));
        }
        let mut reader = Hashing { inner: (&mut entries.reader).take(size), hasher: sha2::Digest::new() };
        visit(&path, size, &mut reader)?;
        std::io::copy(&mut reader, &mut std::io::sink())
            .map_err(|error| PackageError::tar(package, TarProblem::Read(error)))?;
        let left = reader.inner.limit();
        let found = reader.hash();
        if left > 0 || found != listed.hash {
            return Err(PackageError::changed(package, path.as_str(), &found, &listed.hash));
        }
        entries.skip_padding(size)?;
    }
    match hashes.files().find(|(path, _)| !seen.contains(*path)) {
        Some((path, _)) => Err(entry(format!("`{path}` is listed and not there"))),
        None => Ok(()),
    }
}

/// Hashes what goes through it.
struct Hashing<R> {
    inner: R,
    hasher: sha2::Sha256,
}

impl<R> Hashing<R> {
    fn hash(self) -> Hash {
        Hash::finish(self.hasher)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        sha2::Digest::update(&mut self.hasher, &buffer[..n]);
        Ok(n)
    }
}

/// The entries of a package's file, one after the other.
struct Entries {
    path: PathBuf,
    reader: std::io::Take<zstd::Decoder<'static, BufReader<File>>>,
}

impl Entries {
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| PackageError::read(path, error))?;
        let none = |error: std::io::Error| PackageError::NotAPackage {
            package: path.into(),
            problem: format!("it is not compressed as one: {error}"),
        };
        let mut decoder = zstd::Decoder::new(file).map_err(none)?;
        decoder.window_log_max(limits::WINDOW_LOG).map_err(none)?;
        // Headers and padding come on top of the files; whatever is behind that is never decompressed.
        let limit = limits::UNPACKED + limits::HASHES + 2048 * limits::FILES as u64;
        Ok(Self { path: path.into(), reader: decoder.take(limit) })
    }

    fn next(&mut self) -> Result<Option<(String, u64)>> {
        let header =
            next_header(&mut self.reader).map_err(|problem| PackageError::tar(&self.path, problem))?;
        Ok(header.map(|header| (header.path, header.size)))
    }

    /// The next entry as a text of at most `limit` bytes.
    fn next_text(&mut self, limit: u64) -> Result<Option<(String, String)>> {
        let Some((name, size)) = self.next()? else { return Ok(None) };
        let package = self.path.clone();
        if size > limit {
            return Err(PackageError::TooLarge { package, what: format!("`{name}` is"), limit });
        }
        let mut bytes = Vec::new();
        let damaged = |error| PackageError::tar(&package, TarProblem::Read(error));
        (&mut self.reader).take(size).read_to_end(&mut bytes).map_err(damaged)?;
        let problem = format!("`{name}` is cut short or no UTF-8 text");
        let text = String::from_utf8(bytes).ok().filter(|text| text.len() as u64 == size);
        let text = text.ok_or(PackageError::NotAPackage { package, problem })?;
        self.skip_padding(size)?;
        Ok(Some((name, text)))
    }

    fn finish_entry(&mut self, size: u64) -> Result<()> {
        if size > limits::HASHES {
            let (package, what) = (self.path.clone(), format!("`{HASHES}` is"));
            return Err(PackageError::TooLarge { package, what, limit: limits::HASHES });
        }
        self.skip(size)?;
        self.skip_padding(size)
    }

    fn skip_padding(&mut self, size: u64) -> Result<()> {
        self.skip(padding(size) as u64)
    }

    fn skip(&mut self, n_bytes: u64) -> Result<()> {
        let damaged = |error| PackageError::tar(&self.path, TarProblem::Read(error));
        std::io::copy(&mut (&mut self.reader).take(n_bytes), &mut std::io::sink()).map_err(damaged)?;
        Ok(())
    }
}
