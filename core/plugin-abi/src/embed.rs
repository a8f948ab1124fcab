//! The record that a library carries in its own link section, so that a host knows it without loading it.
//!
//! ```text
//! "HEIRLOOM"  8 bytes
//! length      u32, little-endian, then the record: JSON
//! length      u32, little-endian, then the text of plugin.toml
//! ```
//!
//! The record is put together at compile time by constant functions; the host parses it with serde.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use thiserror::Error;

use crate::library::Component;
use crate::root::INTERFACE_LEVEL;

/// What the record begins with.
pub const MAGIC: &[u8; 8] = b"HEIRLOOM";

/// What the link section that holds it is called, by system: everywhere but on macOS, and there.
pub const SECTIONS: [&str; 2] = [".heirloom", "__heirloom"];

/// The target that this crate was built for.
pub const TARGET: &str = env!("HEIRLOOM_TARGET");

/// The target of what runs everywhere, such as Python source.
pub const ANY_TARGET: &str = "any";

/// The kinds of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Proposes configurations.
    Strategy,
    /// Measures configurations.
    Estimator,
    /// Scores configurations without training.
    Proxy,
}

impl Kind {
    /// The kind's name in run files, manifests and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Estimator => "estimator",
            Self::Proxy => "proxy",
        }
    }

    /// Whether `name` is a key of the host's own in a component's table of the run file: an option of this name could
    /// never be set.
    pub const fn reserves(self, name: &str) -> bool {
        match name.as_bytes() {
            [b'n', b'a', b'm', b'e'] => true,
            [b'k', b'e', b'e', b'p'] => matches!(self, Self::Proxy),
            _ => false,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The record as a host reads it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The interface level it was built for.
    pub interface: u32,
    /// The target it was built for.
    pub target: String,
    /// The compiler it was built with.
    pub rustc: String,
    /// The version of its crate.
    pub version: String,
    /// Its components.
    pub components: Vec<RecordedComponent>,
}

/// One component in a [`Record`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedComponent {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The JSON schema of its options.
    pub options: Json,
}

/// Why the bytes of a section are no record.
#[derive(Debug, Error)]
#[error("its embedded record is damaged: {problem}")]
pub struct DamagedRecord {
    problem: String,
}

/// The parts of a section's bytes.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The record.
    pub record: Record,
    /// The text of `plugin.toml`.
    pub manifest: String,
    /// The hash of both.
    pub fingerprint: String,
}

/// What a host can read of a section's bytes whatever the interface level: enough to say why it cannot use the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The plugin's id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The interface level it was built for.
    pub interface: u32,
}

/// Reads a section's [`Card`]; `None` where not even that can be read.
pub fn card(bytes: &[u8]) -> Option<Card> {
    let (record, rest) = text(bytes.strip_prefix(MAGIC)?)?;
    let record: Json = serde_json::from_str(record).ok()?;
    let manifest: toml::Table = text(rest)?.0.parse().ok()?;
    let said = |key: &str| manifest.get(key).and_then(toml::Value::as_str);
    let level = manifest.get("interface").and_then(toml::Value::as_integer);
    let level = level.and_then(|level| u64::try_from(level).ok()).or_else(|| record["interface"].as_u64());
    Some(Card {
        id: said("id")?.to_owned(),
        version: said("version").or_else(|| record["version"].as_str())?.to_owned(),
        interface: u32::try_from(level?).ok()?,
    })
}

/// Reads a section's bytes.
pub fn parse(bytes: &[u8]) -> Result<Embedded, DamagedRecord> {
    let damaged = |problem: &str| DamagedRecord { problem: problem.into() };
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it does not begin as it should"))?;
    let (record, rest) = text(rest).ok_or_else(|| damaged("it is cut short"))?;
    let (manifest, rest) = text(rest).ok_or_else(|| damaged("it is cut short"))?;
    let fingerprint = fingerprint(&bytes[..bytes.len() - rest.len()]);
    Ok(Embedded {
        record: serde_json::from_str(record).map_err(|error| damaged(&error.to_string()))?,
        manifest: manifest.into(),
        fingerprint: String::from_utf8_lossy(&fingerprint).into_owned(),
    })
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// A buffer that constant functions fill; of length 0 it only counts.
struct Buffer<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Buffer<N> {
    const fn push(&mut self, bytes: &[u8]) {
        let mut index = 0;
        while index < bytes.len() {
            if N > 0 {
                self.bytes[self.length] = bytes[index];
            }
            self.length += 1;
            index += 1;
        }
    }

    const fn record(components: &[Component], version: &str, manifest: &str) -> Self {
        let mut buffer = Self { bytes: [0; N], length: 0 };
        buffer.push(MAGIC);
        let mut counter = Buffer::<0> { bytes: [], length: 0 };
        counter.json(components, version);
        buffer.push(&(counter.length as u32).to_le_bytes());
        buffer.json(components, version);
        buffer.push(&(manifest.len() as u32).to_le_bytes());
        buffer.push(manifest.as_bytes());
        buffer
    }

    /// Nothing here needs escaping: names are checked by `check_name`, schemas are JSON already.
    const fn json(&mut self, components: &[Component], version: &str) {
        self.push(b"{\"interface\":");
        self.push(&[b'0' + INTERFACE_LEVEL as u8]);
        self.push(b",\"target\":\"");
        self.push(TARGET.as_bytes());
        self.push(b"\",\"rustc\":\"");
        self.push(env!("HEIRLOOM_RUSTC").as_bytes());
        self.push(b"\",\"version\":\"");
        self.push(version.as_bytes());
        self.push(b"\",\"components\":[");
        let mut index = 0;
        while index < components.len() {
            let component = &components[index];
            check_name(component.name);
            self.push(if index == 0 { b"{\"kind\":\"" } else { b",{\"kind\":\"" });
            self.push(component.kind().as_str().as_bytes());
            self.push(b"\",\"name\":\"");
            self.push(component.name.as_bytes());
            self.push(b"\",\"options\":{");
            self.push(component.schema.as_bytes());
            self.push(b"}}");
            index += 1;
        }
        self.push(b"]}");
    }
}

const fn check_name(name: &str) {
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty(), "a component's name is empty");
    let mut index = 0;
    while index < bytes.len() {
        let allowed = matches!(bytes[index], b'a'..=b'z' | b'0'..=b'9' | b'-');
        assert!(allowed, "a component's name is made of `a-z`, `0-9` and `-`");
        index += 1;
    }
}

/// How long a library's record is.
pub const fn record_length(components: &[Component], version: &str, manifest: &str) -> usize {
    Buffer::<0>::record(components, version, manifest).length
}

/// A library's record; `N` is its [`record_length`].
pub const fn record<const N: usize>(components: &[Component], version: &str, manifest: &str) -> [u8; N] {
    Buffer::<N>::record(components, version, manifest).bytes
}

/// FNV-1a, 64 bits, as 16 hexadecimal digits: tells builds apart, guards against nothing.
pub const fn fingerprint(bytes: &[u8]) -> [u8; 16] {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    let mut digits = [0; 16];
    let mut place = 0;
    while place < 16 {
        let digit = ((hash >> (60 - 4 * place)) & 0xf) as u8;
        digits[place] = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        place += 1;
    }
    digits
}

/// Joins texts at compile time; `N` is their [`joined_length`].
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut buffer = Buffer::<N> { bytes: [0; N], length: 0 };
    let mut index = 0;
    while index < parts.len() {
        buffer.push(parts[index].as_bytes());
        index += 1;
    }
    buffer.bytes
}

/// The length of joined texts.
pub const fn joined_length(parts: &[&str]) -> usize {
    let mut length = 0;
    let mut index = 0;
    while index < parts.len() {
        length += parts[index].len();
        index += 1;
    }
    length
}
