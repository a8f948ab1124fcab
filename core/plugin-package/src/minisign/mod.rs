//! Keys and signatures in the format of [minisign](https://jedisct1.github.io/minisign/), so that a package can be
//! signed and verified without this program.

mod key;
pub use key::{KeyId, PublicKey, SecretKey};
pub(crate) use key::{SECRET_HEAD, is_secret};

mod signature;
pub use signature::Signature;

/// Why a text is no key or no signature, or why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MinisignError {
    /// The text has not the form of one.
    #[error("it is no {what} of minisign's: {problem}")]
    Form {
        /// What was wanted.
        what: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The secret key wants a password.
    #[error(
        "the secret key has a password, which is not asked for here; hint: sign with `minisign -S`, or make a key with \
         `heirloom plugin key new`"
    )]
    Password,
    /// The signature was made by another key.
    #[error("it was signed by key {found}, not by key {expected}")]
    OtherKey {
        /// The key that the signature names.
        found: KeyId,
        /// The key it was checked against.
        expected: KeyId,
    },
    /// The signature is not of these bytes.
    #[error("its signature by key {key} is not of these bytes")]
    Bytes {
        /// The key.
        key: KeyId,
    },
    /// The trusted comment was changed after signing.
    #[error("its trusted comment was changed after key {key} signed it")]
    Comment {
        /// The key.
        key: KeyId,
    },
    /// The system gave no random bytes.
    #[error("the system has no random numbers for a key: {reason}")]
    Random {
        /// The system's words.
        reason: String,
    },
}

/// The line after a line that begins with `comment`, and what that one says.
fn commented<'a>(
    lines: &mut std::str::Lines<'a>,
    comment: &str,
    what: &'static str,
) -> Result<(&'a str, &'a str), MinisignError> {
    let form = |problem| MinisignError::Form { what, problem };
    let said = lines.next().ok_or(form("a line is missing"))?;
    let said = said.strip_prefix(comment).ok_or(form("a comment line is missing"))?;
    Ok((said, lines.next().ok_or(form("a line is missing"))?))
}
