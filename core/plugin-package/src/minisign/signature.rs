//! Signatures of bytes, each with a comment that is signed too.

use blake2::{Blake2b512, Digest};

use super::{KeyId, MinisignError, PublicKey, SecretKey, commented};
use crate::base64;

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    key: KeyId,
    /// Signed is the BLAKE2b hash of the bytes (`ED`), or they themselves (`Ed`, of minisign before 0.6).
    hashed: bool,
    signature: [u8; 64],
    comment: String,
    of_comment: [u8; 64],
}

impl Signature {
    /// Signs bytes and a comment of one line.
    pub fn sign(key: &SecretKey, bytes: &[u8], comment: &str) -> Self {
        let comment: String = comment.lines().collect::<Vec<_>>().join(" ");
        let signature: [u8; 64] = *key.key.sign(Blake2b512::digest(bytes), None);
        let of_comment = *key.key.sign([&signature[..], comment.as_bytes()].concat(), None);
        Self { key: key.id, hashed: true, signature, comment, of_comment }
    }

    /// Reads the text of a signature file.
    pub fn parse(text: &str) -> Result<Self, MinisignError> {
        let what = "signature";
        let form = |problem| MinisignError::Form { what, problem };
        let mut lines = text.lines();
        let (_, line) = commented(&mut lines, "untrusted comment: ", what)?;
        let bytes = base64::decode(line).ok_or(form("its second line is no Base64"))?;
        let bytes: [u8; 74] = bytes.try_into().map_err(|_| form("it is of another length"))?;
        let hashed = match &bytes[..2] {
            b"ED" => true,
            b"Ed" => false,
            _ => return Err(form("it is not of Ed25519")),
        };
        let (id, rest) = bytes[2..].split_first_chunk().expect("72 bytes are left");
        let (comment, line) = commented(&mut lines, "trusted comment: ", what)?;
        let of_comment = base64::decode(line).ok_or(form("its fourth line is no Base64"))?;
        let of_comment = of_comment.try_into().map_err(|_| form("it is of another length"))?;
        if lines.next().is_some() {
            return Err(form("something follows it"));
        }
        let signature = rest.try_into().expect("64 bytes are left");
        Ok(Self { key: KeyId(*id), hashed, signature, comment: comment.into(), of_comment })
    }

    /// The text of a signature file.
    pub fn text(&self) -> String {
        let algorithm = if self.hashed { b"ED" } else { b"Ed" };
        let line = base64::encode(&[algorithm.as_slice(), &self.key.0, &self.signature].concat());
        let (key, comment, of_comment) = (self.key, &self.comment, base64::encode(&self.of_comment));
        format!(
            "untrusted comment: signature by key {key}\n{line}\ntrusted comment: {comment}\n{of_comment}\n"
        )
    }

    /// The key that it says made it; true only once it is verified.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// What the trusted comment says; true only once the signature is verified.
    pub(crate) fn unverified_comment(&self) -> &str {
        &self.comment
    }

    /// The trusted comment of a signature that holds.
    pub fn verify(&self, key: &PublicKey, bytes: &[u8]) -> Result<&str, MinisignError> {
        if self.key != key.id {
            return Err(MinisignError::OtherKey { found: self.key, expected: key.id });
        }
        let holds = |bytes: &[u8], signature: [u8; 64]| {
            key.key.verify(bytes, &ed25519_compact::Signature::new(signature)).is_ok()
        };
        let of_bytes = match self.hashed {
            true => holds(&Blake2b512::digest(bytes), self.signature),
            false => holds(bytes, self.signature),
        };
        if !of_bytes {
            return Err(MinisignError::Bytes { key: key.id });
        }
        if !holds(&[&self.signature[..], self.comment.as_bytes()].concat(), self.of_comment) {
            return Err(MinisignError::Comment { key: key.id });
        }
        Ok(&self.comment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = include_bytes!("../../tests/golden/message.txt");
    const SECRET: &str = include_str!("../../tests/golden/minisign.key");
    const PUBLIC: &str = include_str!("../../tests/golden/minisign.pub");

    #[test]
    fn minisigns_own_signatures_hold() {
        let key = PublicKey::parse(PUBLIC).unwrap();
        assert_eq!(key.id().to_string(), "E11B067B44E1B423");
        assert_eq!(key.text(), PUBLIC);
        let signature = Signature::parse(include_str!("../../tests/golden/prehashed.minisig")).unwrap();
        assert_eq!(
            signature.verify(&key, MESSAGE).unwrap(),
            "heirloom package id=x version=0.1.0 interface=1"
        );
        let signature = Signature::parse(include_str!("../../tests/golden/legacy.minisig")).unwrap();
        assert_eq!(signature.verify(&key, MESSAGE).unwrap(), "old format");
    }

    #[test]
    fn a_key_of_minisigns_signs_the_same_here_as_there() {
        let key = SecretKey::parse(SECRET).unwrap();
        let golden = Signature::parse(include_str!("../../tests/golden/prehashed.minisig")).unwrap();
        let ours = Signature::sign(&key, MESSAGE, "heirloom package id=x version=0.1.0 interface=1");
        // Ed25519 is deterministic: the same key, bytes and comment give the same signature.
        assert_eq!(ours, golden);
        assert_eq!(Signature::parse(&ours.text()).unwrap(), ours);
    }

    #[test]
    fn what_was_changed_or_signed_by_another_does_not_hold() {
        let key = SecretKey::generate().unwrap();
        let again = SecretKey::parse(&key.text()).unwrap();
        assert_eq!(again.public(), key.public());
        let signature = Signature::sign(&key, MESSAGE, "version=1");
        let (public, id) = (key.public(), key.public().id());
        assert_eq!(signature.verify(&public, b"other"), Err(MinisignError::Bytes { key: id }));
        let changed = Signature::parse(&signature.text().replace("version=1", "version=2")).unwrap();
        assert_eq!(changed.verify(&public, MESSAGE), Err(MinisignError::Comment { key: id }));
        let other = SecretKey::generate().unwrap().public();
        let refused = signature.verify(&other, MESSAGE);
        assert_eq!(refused, Err(MinisignError::OtherKey { found: id, expected: other.id() }));
        // The same id with another key: an id is a name, not a proof.
        let impostor = PublicKey { id, ..other };
        assert_eq!(signature.verify(&impostor, MESSAGE), Err(MinisignError::Bytes { key: id }));
    }

    #[test]
    fn damaged_secret_keys_and_such_with_a_password_are_told_apart() {
        let mut bytes = base64::decode(SECRET.lines().nth(1).unwrap()).unwrap();
        let text = |bytes: &[u8]| format!("untrusted comment: x\n{}\n", base64::encode(bytes));
        bytes[100] ^= 1;
        assert!(SecretKey::parse(&text(&bytes)).unwrap_err().to_string().contains("different keys"));
        bytes[2..4].copy_from_slice(b"Sc");
        let password = SecretKey::parse(&text(&bytes)).unwrap_err();
        assert!(password.to_string().contains("hint: sign with `minisign -S`"), "{password}");
    }
}
