//! Paths within a package: written one way on every system, and never out of the folder they are unpacked into.

use std::path::{Path, PathBuf};

/// The longest path, in bytes: what the tar header has room for in one field.
const LONGEST: usize = 100;

/// A relative path of plain names, joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct EntryPath(String);

/// Why a text is no path within a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// It leads out of the package.
    #[error("its path leads out of the package's folder")]
    Escapes,
    /// It is empty or too long.
    #[error("its path is empty or longer than {LONGEST} bytes")]
    Length,
    /// It is written in a way that some system does not know.
    #[error("its path has other characters than letters, digits, `.`, `_`, `-` and `+`, or a hidden name")]
    Letters,
}

impl EntryPath {
    /// Checks a path.
    pub fn new(text: &str) -> Result<Self, PathProblem> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(PathProblem::Length);
        }
        let is_drive = text.as_bytes().get(1) == Some(&b':');
        let leaves = |part: &str| part == ".." || part == ".";
        if text.starts_with(['/', '\\']) || is_drive || text.split(['/', '\\']).any(leaves) {
            return Err(PathProblem::Escapes);
        }
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-+".contains(letter);
        let is_name = |part: &str| {
            !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && part.chars().all(is_plain)
        };
        if text.split('/').all(is_name) { Ok(Self(text.into())) } else { Err(PathProblem::Letters) }
    }

    /// The path as it stands in a package.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its last name is `name`, in whatever case.
    pub(crate) fn names_last(&self, name: &str) -> bool {
        self.0.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(name))
    }

    /// The path under `folder`.
    pub fn under(&self, folder: &Path) -> PathBuf {
        self.0.split('/').fold(folder.to_owned(), |path, name| path.join(name))
    }
}

impl TryFrom<String> for EntryPath {
    type Error = PathProblem;

    fn try_from(text: String) -> Result<Self, PathProblem> {
        Self::new(&text)
    }
}

impl std::fmt::Display for EntryPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_their_folder() {
        for path in
            ["..", "../x", "a/../../x", "/etc/passwd", "a/./b", "\\x", "C:\\x", "c:x", "a\\..\\b", "lib/.."]
        {
            assert_eq!(EntryPath::new(path), Err(PathProblem::Escapes), "{path}");
        }
        for path in ["a//b", "a/", "a b", "ä", "a\0b", ".hidden", "a/.hidden", "end.", "aa:b"] {
            assert_eq!(EntryPath::new(path), Err(PathProblem::Letters), "{path}");
        }
        assert_eq!(EntryPath::new(""), Err(PathProblem::Length));
        assert_eq!(EntryPath::new(&"a".repeat(101)), Err(PathProblem::Length));
        let path = EntryPath::new("lib/x86_64-unknown-linux-gnu/libx.so").unwrap();
        assert_eq!(path.under(Path::new("f")), Path::new("f/lib/x86_64-unknown-linux-gnu/libx.so"));
    }
}
