//! Key pairs.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use ed25519_compact::{KeyPair, Seed};

use super::{MinisignError, commented};
use crate::base64;

const UNTRUSTED: &str = "untrusted comment: ";

/// How many bytes of a file [`is_secret`] wants to see.
pub(crate) const SECRET_HEAD: u64 = 256;

/// Whether a file that begins with `head` is a secret key, with a password or without.
pub(crate) fn is_secret(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    ["minisign secret key", "minisign encrypted secret key"].iter().any(|words| line.contains(words))
}

/// What a key is called: eight bytes, shown as minisign shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(pub(super) [u8; 8]);

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for KeyId {
    type Error = MinisignError;

    fn try_from(text: String) -> Result<Self, MinisignError> {
        text.parse()
    }
}

impl std::str::FromStr for KeyId {
    type Err = MinisignError;

    fn from_str(text: &str) -> Result<Self, MinisignError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
        let number = u64::from_str_radix(text, 16).ok();
        match number.filter(|_| text.len() == 16 && text.bytes().all(is_digit)) {
            Some(number) => Ok(Self(number.to_le_bytes())),
            None => Err(MinisignError::Form { what: "key id", problem: "16 hexadecimal digits are wanted" }),
        }
    }
}

/// A key that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    pub(super) id: KeyId,
    pub(super) key: ed25519_compact::PublicKey,
}

impl PublicKey {
    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Reads a public key: a file's text, or its second line alone.
    pub fn parse(text: &str) -> Result<Self, MinisignError> {
        let form = |problem| MinisignError::Form { what: "public key", problem };
        let line = match text.trim_end().lines().collect::<Vec<_>>()[..] {
            [line] => line,
            [_, line] => line,
            _ => return Err(form("one or two lines are wanted")),
        };
        let bytes = base64::decode(line.trim()).ok_or(form("its line is no Base64"))?;
        let bytes: [u8; 42] = bytes.try_into().map_err(|_| form("it is of another length"))?;
        if bytes[..2] != *b"Ed" {
            return Err(form("it is not of Ed25519"));
        }
        let (id, key) = bytes[2..].split_first_chunk().expect("40 bytes are left");
        let key = ed25519_compact::PublicKey::from_slice(key).map_err(|_| form("it is no point"))?;
        Ok(Self { id: KeyId(*id), key })
    }

    /// The one line that says it all.
    pub fn line(&self) -> String {
        base64::encode(&[b"Ed".as_slice(), &self.id.0, &self.key[..]].concat())
    }

    /// The text of a public key file.
    pub fn text(&self) -> String {
        format!("{UNTRUSTED}minisign public key {}\n{}\n", self.id, self.line())
    }
}

/// A key that signs.
pub struct SecretKey {
    pub(super) id: KeyId,
    pub(super) key: ed25519_compact::SecretKey,
}

impl SecretKey {
    /// A new key, from the system's random numbers.
    pub fn generate() -> Result<Self, MinisignError> {
        let random = |error: getrandom::Error| MinisignError::Random { reason: error.to_string() };
        let (mut id, mut seed) = ([0; 8], [0; 32]);
        getrandom::fill(&mut id).map_err(random)?;
        getrandom::fill(&mut seed).map_err(random)?;
        Ok(Self { id: KeyId(id), key: KeyPair::from_seed(Seed::new(seed)).sk })
    }

    /// Reads the text of a secret key file that has no password.
    pub fn parse(text: &str) -> Result<Self, MinisignError> {
        let what = "secret key";
        let form = |problem| MinisignError::Form { what, problem };
        let (_, line) = commented(&mut text.lines(), UNTRUSTED, what)?;
        let bytes = base64::decode(line.trim()).ok_or(form("its line is no Base64"))?;
        let bytes: [u8; 158] = bytes.try_into().map_err(|_| form("it is of another length"))?;
        match (&bytes[..2], &bytes[2..4], &bytes[4..6]) {
            (b"Ed", b"Sc", _) => return Err(MinisignError::Password),
            (b"Ed", [0, 0], b"B2") => {}
            _ => return Err(form("it is not of Ed25519")),
        }
        let (id, rest) = bytes[54..].split_first_chunk().expect("104 bytes are left");
        let (secret, checksum) = rest.split_at(64);
        // minisign leaves the checksum of a key without password at zero.
        let expected = Blake2b::<U32>::new().chain_update(b"Ed").chain_update(id).chain_update(secret);
        if checksum.iter().any(|byte| *byte != 0) && checksum != &expected.finalize()[..] {
            return Err(form("its checksum is not its own: the file is damaged"));
        }
        let key = ed25519_compact::SecretKey::from_slice(secret).map_err(|_| form("it is no key"))?;
        let pair = KeyPair::from_seed(key.seed());
        if pair.sk[..] != key[..] {
            return Err(form("its halves are of different keys: the file is damaged"));
        }
        Ok(Self { id: KeyId(*id), key })
    }

    /// The text of a secret key file, without a password.
    pub fn text(&self) -> String {
        let head = [b"Ed\0\0B2".as_slice(), &[0; 48]].concat();
        let bytes = [&head[..], &self.id.0, &self.key[..], &[0; 32]].concat();
        format!(
            "{UNTRUSTED}minisign secret key {}, without a password\n{}\n",
            self.id,
            base64::encode(&bytes)
        )
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey { id: self.id, key: self.key.public_key() }
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}
