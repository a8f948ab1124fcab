//! The list of hashes: what a signature is over, and so what everything in a package hangs on.
//!
//! One line a file, sorted by path: the hash, the size in bytes, the path. The list's own hash is the package's
//! content: its name in the store, in locks and in indices, whoever signed it and however it is compressed.

use std::collections::{BTreeMap, HashSet};

use crate::entry_path::EntryPath;
use crate::hash::Hash;
use crate::limits;

/// The list's place in a package.
pub const HASHES: &str = "hashes.txt";

/// The place of the list's signature.
pub const SIGNATURE: &str = "hashes.txt.minisig";

/// What is listed of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its hash.
    pub hash: Hash,
    /// Its size, in bytes.
    pub size: u64,
}

/// All files of a package but the list and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HashList(BTreeMap<EntryPath, Listed>);

/// Why a text is no list of hashes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct HashListProblem {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl HashList {
    /// A list of these files.
    pub fn new(files: impl IntoIterator<Item = (EntryPath, Listed)>) -> Self {
        Self(files.into_iter().collect())
    }

    /// Reads a list's text. Only the text that [`text`](Self::text) writes is one.
    pub fn parse(text: &str) -> Result<Self, HashListProblem> {
        let (mut files, mut folded) = (BTreeMap::new(), HashSet::new());
        let (mut total, mut before) = (0_u64, String::new());
        for (index, line) in text.lines().enumerate() {
            let wrong = |problem: String| HashListProblem { line: index + 1, problem };
            let parts: Vec<_> = line.split(' ').collect();
            let [hash, size, path] = parts[..] else {
                return Err(wrong("a hash, a size and a path are wanted".into()));
            };
            let hash = Hash::try_from(hash.to_owned()).map_err(|error| wrong(error.to_string()))?;
            let number = size.parse().ok().filter(|number: &u64| number.to_string() == size);
            let size = number.ok_or_else(|| wrong(format!("`{size}` is no size in bytes")))?;
            let path = EntryPath::new(path).map_err(|problem| wrong(format!("`{path}`: {problem}")))?;
            if path.as_str() <= before.as_str() {
                return Err(wrong(format!("`{path}` is out of order or there twice")));
            }
            if [HASHES, SIGNATURE].contains(&path.as_str()) {
                return Err(wrong(format!("`{path}` lists itself")));
            }
            // Two names for one file on systems that do not tell letters apart by their case.
            if !folded.insert(path.as_str().to_ascii_lowercase()) {
                return Err(wrong(format!("`{path}` differs from another path by case alone")));
            }
            total = total.saturating_add(size);
            if total > limits::UNPACKED {
                return Err(wrong(format!("its files are larger than {} bytes together", limits::UNPACKED)));
            }
            if files.len() == limits::FILES {
                return Err(wrong(format!("it has more than {} files", limits::FILES)));
            }
            before = path.as_str().into();
            files.insert(path, Listed { hash, size });
        }
        if !text.ends_with('\n') || text.contains('\r') {
            return Err(HashListProblem { line: files.len(), problem: "its end of line is missing".into() });
        }
        Ok(Self(files))
    }

    /// The list's text.
    pub fn text(&self) -> String {
        self.0.iter().map(|(path, listed)| format!("{} {} {path}\n", listed.hash, listed.size)).collect()
    }

    /// The hash of the text: the package's content.
    pub fn content(&self) -> Hash {
        Hash::of(self.text().as_bytes())
    }

    /// What is listed of a file.
    pub fn get(&self, path: &str) -> Option<&Listed> {
        EntryPath::new(path).ok().and_then(|path| self.0.get(&path))
    }

    /// All files, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&EntryPath, &Listed)> {
        self.0.iter()
    }

    /// The files of a folder.
    pub fn under<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a EntryPath, &'a Listed)> {
        let start = format!("{folder}/");
        self.0.iter().filter(move |(path, _)| path.as_str().starts_with(&start))
    }

    /// One hash for all files of a folder: that of their lines in the list.
    pub fn hash_of_folder(&self, folder: &str) -> Hash {
        let files = self.under(folder).map(|(path, listed)| (path.clone(), listed.clone()));
        Self::new(files).content()
    }
}
