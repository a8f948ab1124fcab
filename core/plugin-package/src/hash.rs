//! SHA-256, in hexadecimal.

use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// A SHA-256 hash: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Hash(String);

impl Hash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new_with_prefix(bytes))
    }

    /// The hash of all that is left to read, and how many bytes that were.
    pub fn of_reader(reader: &mut dyn Read) -> io::Result<(Self, u64)> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut n_bytes = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok((Self::finish(hasher), n_bytes)),
                Ok(n) => {
                    hasher.update(&buffer[..n]);
                    n_bytes += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The hash of a file.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Ok(Self::of_reader(&mut std::fs::File::open(path)?)?.0)
    }

    pub(crate) fn finish(hasher: Sha256) -> Self {
        Self(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, as messages show them.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// A text that is no hash.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is no SHA-256 hash: 64 lower-case hexadecimal digits are wanted")]
pub struct NoHash(String);

impl TryFrom<String> for Hash {
    type Error = NoHash;

    fn try_from(text: String) -> Result<Self, NoHash> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(is_digit) { Ok(Self(text)) } else { Err(NoHash(text)) }
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
