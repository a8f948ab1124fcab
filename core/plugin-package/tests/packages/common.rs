//! A signed package, an index with it, and a user's home, all in a temporary folder; and packages made by hand.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use heirloom_plugin_host::Capability;
use heirloom_plugin_package::index::FolderIndex;
use heirloom_plugin_package::minisign::{SecretKey, Signature};
use heirloom_plugin_package::{
    Added, Description, Draft, Grants, HASHES, Hash, Home, PackageError, SIGNATURE, SealedPackage, sign,
};
use tempfile::TempDir;

/// What attacks are granted: they must fail for other reasons.
pub(crate) const ALL: [Capability; 3] = [Capability::Processes, Capability::Network, Capability::Files];

/// An author, an index and a user.
pub(crate) struct Bench {
    folder: TempDir,
    pub(crate) key: SecretKey,
    pub(crate) index: FolderIndex,
    pub(crate) home: Home,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let index = FolderIndex::at(&folder.path().join("index"));
        let home = Home::new(&folder.path().join("home"));
        Self { folder, key: SecretKey::generate().unwrap(), index, home }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A package of the faulty plugin's library, signed.
    pub(crate) fn library_package(&self) -> PathBuf {
        let draft = Draft::of_libraries(&[library("heirloom_faulty_plugin")]).unwrap();
        let path = draft.write(&self.path("dist")).unwrap();
        sign(&path, &self.key).unwrap();
        path
    }

    /// A package of a Python plugin, signed.
    pub(crate) fn source_package(&self, version: &str, capabilities: &str) -> PathBuf {
        let folder = self.sources(version, capabilities);
        let path = Draft::of_sources(&folder).unwrap().write(&self.path("dist")).unwrap();
        sign(&path, &self.key).unwrap();
        path
    }

    /// The folder of a Python plugin.
    pub(crate) fn sources(&self, version: &str, capabilities: &str) -> PathBuf {
        let folder = self.path("again");
        std::fs::create_dir_all(folder.join("inner/__pycache__")).unwrap();
        let manifest = format!(
            "id = \"again\"\ndescription = \"Draws again\"\nversion = \"{version}\"\nlanguage = \"python\"\nmodule = \
             \"again\"\ncapabilities = [{capabilities}]\n\n[[component]]\nkind = \"strategy\"\nname = \"again\"\n\
             description = \"Draws again\"\n[component.options]\nrate = {{ type = \"number\", default = 0.5, minimum = 0 }}\n"
        );
        std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
        std::fs::write(
            folder.join("again.py"),
            format!("# {version}\nraise SystemExit('it was executed')\n"),
        )
        .unwrap();
        std::fs::write(folder.join("inner/__init__.py"), "").unwrap();
        std::fs::write(folder.join("inner/__pycache__/x.pyc"), "stale").unwrap();
        std::fs::write(folder.join(".secret"), "not for others").unwrap();
        std::fs::write(folder.join("local.toml"), "python = \"/usr/bin/python3\"\n").unwrap();
        folder
    }

    /// Publishes a package in the index, under this bench's key.
    pub(crate) fn publish(&self, package: &Path) {
        self.index.publish(package, &self.key.public()).unwrap();
    }

    /// Installs the newest version from the index.
    pub(crate) fn add(&self, id: &str) -> Result<Added, PackageError> {
        self.home.add(&self.index, id, None, &Grants { capabilities: ALL.into(), key: None })
    }

    /// Installs a package's file under this bench's key.
    pub(crate) fn add_file(&self, path: &Path) -> Result<Added, PackageError> {
        let grants = Grants { key: Some(self.key.public()), capabilities: ALL.into() };
        self.home.add_file(path, &grants)
    }

    /// What the store holds, whole or in part.
    pub(crate) fn stored(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("home/store")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Installs a package that must be refused; what the user is told. Nothing may be left behind.
    pub(crate) fn refused(&self, package: &Path) -> String {
        let before = self.everything();
        let error = self.add_file(package).expect_err("the package is refused").to_string();
        assert_eq!(self.stored(), Vec::<PathBuf>::new(), "{error}");
        let new: Vec<_> = self.everything().into_iter().filter(|path| !before.contains(path)).collect();
        let expected = [self.path("home"), self.path("home/plugins.lock"), self.path("home/store")];
        assert!(new.iter().all(|path| expected.contains(path)), "{error}: {new:?}");
        assert!(error.contains("; hint: "), "{error}");
        error
    }

    /// Every path in the folder.
    fn everything(&self) -> Vec<PathBuf> {
        let (mut all, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                all.push(path);
            }
        }
        all
    }

    /// Writes a package by hand.
    pub(crate) fn by_hand(&self, entries: &[Entry]) -> PathBuf {
        let path = self.path("by-hand.heirloom");
        write(&path, entries);
        path
    }

    /// Takes a good package, changes its files, and lists and signs them as an author who lies would.
    pub(crate) fn lying(&self, package: &Path, change: impl FnOnce(&mut Vec<Entry>)) -> PathBuf {
        let mut entries = entries(package);
        change(&mut entries);
        self.by_hand(&sealed(entries, &self.key))
    }
}

/// The file of a library that is a dev-dependency.
pub(crate) fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let places = [deps.join(&file), deps.parent().unwrap().join(&file)];
    let found = places.iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{file} is neither in {places:?}")).clone()
}

/// One entry of a package as it stands in the file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) kind: u8,
    pub(crate) bytes: Vec<u8>,
    /// The size that its header says, where that is not its own.
    pub(crate) size: Option<u64>,
}

impl Entry {
    pub(crate) fn file(path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), kind: b'0', bytes: bytes.into(), size: None }
    }

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }
}

/// The entry of a path.
pub(crate) fn entry<'a>(entries: &'a mut [Entry], path: &str) -> &'a mut Entry {
    entries.iter_mut().find(|entry| entry.path == path).unwrap()
}

/// Changes the text of an entry; the old one must be there.
pub(crate) fn replace(entries: &mut [Entry], path: &str, from: &str, to: &str) {
    let entry = entry(entries, path);
    let text = entry.text().to_owned();
    assert!(text.contains(from), "{from} is not in {text}");
    entry.bytes = text.replace(from, to).into();
}

/// The library's path in a package of one.
pub(crate) fn library_path(entries: &[Entry]) -> String {
    entries.iter().find(|entry| entry.path.starts_with("lib/")).unwrap().path.clone()
}

/// All entries of a package.
pub(crate) fn entries(package: &Path) -> Vec<Entry> {
    let mut bytes = Vec::new();
    zstd::Decoder::new(std::fs::File::open(package).unwrap()).unwrap().read_to_end(&mut bytes).unwrap();
    let (mut entries, mut rest) = (Vec::new(), &bytes[..]);
    while rest.len() >= 512 && rest[0] != 0 {
        let text = |from: usize, to: usize| {
            let field = rest[from..to].split(|byte| *byte == 0).next().unwrap();
            String::from_utf8(field.to_vec()).unwrap()
        };
        let size = u64::from_str_radix(&text(124, 136), 8).unwrap() as usize;
        entries.push(Entry::file(&text(0, 100), &rest[512..512 + size]));
        rest = &rest[512 + size.next_multiple_of(512)..];
    }
    entries
}

/// Writes entries as they are, good or bad.
pub(crate) fn write(path: &Path, entries: &[Entry]) {
    let mut encoder = zstd::Encoder::new(std::fs::File::create(path).unwrap(), 3).unwrap();
    for entry in entries {
        let mut header = [0_u8; 512];
        header[..entry.path.len()].copy_from_slice(entry.path.as_bytes());
        header[100..108].copy_from_slice(b"0000777\0");
        let size = entry.size.unwrap_or(entry.bytes.len() as u64);
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[156] = entry.kind;
        if entry.kind == b'2' || entry.kind == b'1' {
            header[157..168].copy_from_slice(b"/etc/passwd");
        }
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        encoder.write_all(&header).unwrap();
        encoder.write_all(&entry.bytes).unwrap();
        let padding = entry.bytes.len().next_multiple_of(512) - entry.bytes.len();
        encoder.write_all(&[0; 512][..padding]).unwrap();
    }
    encoder.write_all(&[0; 1024]).unwrap();
    encoder.finish().unwrap();
}

/// Lists files and signs the list, as any author can. The description's hashes of payloads are brought in line.
pub(crate) fn sealed(mut files: Vec<Entry>, key: &SecretKey) -> Vec<Entry> {
    files.retain(|entry| entry.path != HASHES && entry.path != SIGNATURE);
    let path = files.iter().find(|entry| entry.path.starts_with("lib/")).map(|entry| entry.path.clone());
    if let Some(path) = path {
        let hash = Hash::of(&entry(&mut files, &path).bytes);
        let description = entry(&mut files, "package.toml");
        let text = description.text().to_owned();
        let old = text.split("sha256 = \"").nth(1).unwrap()[..64].to_owned();
        description.bytes = text.replace(&old, hash.as_str()).into();
    }
    let text = entry(&mut files, "package.toml").text().to_owned();
    let comment = Description::parse(&text).map(|about| about.comment().to_string());
    let comment = comment.unwrap_or_else(|_| "heirloom package id=again version=0.1.0 interface=1".into());
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let hashes: String = sorted
        .iter()
        .map(|entry| {
            let size = entry.size.unwrap_or(entry.bytes.len() as u64);
            format!("{} {size} {}\n", Hash::of(&entry.bytes), entry.path)
        })
        .collect();
    let signature = Signature::sign(key, hashes.as_bytes(), &comment).text();
    [vec![Entry::file(SIGNATURE, signature), Entry::file(HASHES, hashes)], files].concat()
}

/// What an author's own reading of a package says against it.
pub(crate) fn unreadable(path: &Path) -> String {
    let read = SealedPackage::open(path)
        .and_then(SealedPackage::without_signature)
        .and_then(heirloom_plugin_package::TrustedPackage::read);
    read.expect_err("the package cannot be read").to_string()
}
