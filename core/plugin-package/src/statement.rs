//! What keys say of themselves: this is my successor; do not trust me any more.
//!
//! A statement's file is the public key it is about (two lines), then a signature file of minisign's over these two lines
//! (four lines), whose trusted comment says what is stated. So anybody can check one with minisign.

use crate::minisign::{KeyId, MinisignError, PublicKey, SecretKey, Signature};

/// A statement of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// Another key goes on in its place.
    Successor {
        /// The key that says so.
        old: KeyId,
        /// Its successor.
        next: PublicKey,
        /// The proof, over the successor's file.
        signature: Signature,
    },
    /// It must not be trusted any more.
    Revoked {
        /// The key, which says so itself.
        key: PublicKey,
        /// Why.
        reason: String,
        /// The proof, over the key's own file.
        signature: Signature,
    },
}

const SUCCESSOR: &str = "heirloom key successor ";
const REVOKED: &str = "heirloom key revoked: ";

impl Statement {
    /// The old key names its successor.
    pub fn successor(old: &SecretKey, next: &PublicKey) -> Self {
        let comment = format!("{SUCCESSOR}{}", next.id());
        let signature = Signature::sign(old, next.text().as_bytes(), &comment);
        Self::Successor { old: old.public().id(), next: *next, signature }
    }

    /// A key takes itself out of use.
    pub fn revoked(key: &SecretKey, reason: &str) -> Self {
        let reason = reason.lines().collect::<Vec<_>>().join(" ");
        let public = key.public();
        let signature = Signature::sign(key, public.text().as_bytes(), &format!("{REVOKED}{reason}"));
        Self::Revoked { key: public, reason, signature }
    }

    /// The key that is said to have signed it.
    pub fn signer(&self) -> KeyId {
        match self {
            Self::Successor { signature, .. } | Self::Revoked { signature, .. } => signature.key(),
        }
    }

    /// Checks that the signer signed it.
    pub fn verify(&self, signer: &PublicKey) -> Result<(), MinisignError> {
        let (key, signature) = match self {
            Self::Successor { next, signature, .. } => (next, signature),
            Self::Revoked { key, signature, .. } => (key, signature),
        };
        let said = signature.verify(signer, key.text().as_bytes())?;
        let expected = match self {
            Self::Successor { next, .. } => format!("{SUCCESSOR}{}", next.id()),
            Self::Revoked { reason, .. } => format!("{REVOKED}{reason}"),
        };
        if said == expected { Ok(()) } else { Err(MinisignError::Comment { key: signer.id() }) }
    }

    /// The name of its file: `OLD-NEW.successor` or `KEY.revoked`.
    pub fn file_name(&self) -> String {
        match self {
            Self::Successor { old, next, .. } => format!("{old}-{}.successor", next.id()),
            Self::Revoked { key, .. } => format!("{}.revoked", key.id()),
        }
    }

    /// The text of its file: the public key it is about, then the signature.
    pub fn text(&self) -> String {
        match self {
            Self::Successor { next: key, signature, .. } | Self::Revoked { key, signature, .. } => {
                key.text() + &signature.text()
            }
        }
    }

    /// Reads a statement's file; whether it holds is for [`verify`](Self::verify).
    pub fn parse(text: &str) -> Result<Self, MinisignError> {
        let form = |problem| MinisignError::Form { what: "statement about a key", problem };
        let lines: Vec<_> = text.lines().collect();
        if lines.len() != 6 {
            return Err(form("six lines are wanted"));
        }
        let key = PublicKey::parse(&lines[..2].join("\n"))?;
        let signature = Signature::parse(&lines[2..].join("\n"))?;
        match signature.unverified_comment().strip_prefix(REVOKED) {
            Some(reason) => Ok(Self::Revoked { key, reason: reason.into(), signature }),
            None if signature.unverified_comment().starts_with(SUCCESSOR) => {
                Ok(Self::Successor { old: signature.key(), next: key, signature })
            }
            None => Err(form("it says neither who follows nor why to stop")),
        }
    }
}
