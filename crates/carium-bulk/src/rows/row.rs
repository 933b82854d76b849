//! A row, its location in the file, and the salted hashes that identify it without revealing its content.

use std::fmt;

use carium::api::Redacted;
use carium::onboarding::OnboardingRequest;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A valid row of a file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The location of the row in the file.
    pub location: RowLocation,
    /// The key that identifies the row.
    pub key: RowIdentity,
    /// The hash of the row's content. It differs if a row with a known key has changed.
    pub digest: RowDigest,
    /// The onboarding request that the row describes.
    pub request: OnboardingRequest,
}

/// The location of a row in its file. [`read_row`](super::read_row) reads the row again without reading the rest of the
/// file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs, reason = "reconstructed from the columns that a queue stores")]
pub struct RowLocation {
    /// The line on which the row begins, counted from 1.
    pub line: u64,
    /// The byte offset at which the row begins, counted from 0.
    pub offset: u64,
    /// The length of the row in bytes, including line breaks inside quotes, excluding the final line break.
    pub length: u64,
}

/// The salt of a queue's row hashes: 32 random bytes, generated once per queue and stored with it.
///
/// There are few enough email addresses and phone numbers to try them all, so unsalted hashes would reveal them.
/// Anyone who has the salt can still test candidates against the hashes.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// Creates a salt from bytes of a cryptographically secure random source.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, to be stored with the queue.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the HMAC-SHA-256 (RFC 2104) of `bytes`. `domain` separates hashes of different purposes.
    fn hash(&self, domain: &[u8], bytes: &[u8]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mut mac = mac.expect("HMAC accepts a key of any length");
        mac.update(domain);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Salt").field(&Redacted::Secret).finish()
    }
}

/// A salted hash of the key of a row, which is the value of the key column, or the username if no key column is set.
///
/// Usernames are compared in lower case, because email addresses that differ only in case reach the same person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowIdentity([u8; 32]);

impl RowIdentity {
    /// Hashes a username, or the value of a key column that holds usernames.
    pub(super) fn of_username(salt: &Salt, username: &str) -> Self {
        Self::of_key(salt, &username.to_lowercase())
    }

    /// Hashes the value of any other key column.
    pub(super) fn of_key(salt: &Salt, key: &str) -> Self {
        Self(salt.hash(b"key\0", key.as_bytes()))
    }

    /// Returns the first `N` bytes of the hash, at most 32, to save memory where many keys are compared.
    pub(crate) fn shortened<const N: usize>(&self) -> [u8; N] {
        const { assert!(N <= 32) };
        std::array::from_fn(|index| self.0[index])
    }

    /// Returns the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A salted hash of the content of a row, which changes when the request of the row changes.
///
/// It covers the parsed request. Rows with the same request have the same digest, whether they are CSV or NDJSON, in
/// any order of their fields, and with default values written or omitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowDigest([u8; 32]);

impl RowDigest {
    pub(super) fn of(salt: &Salt, request: &OnboardingRequest) -> Self {
        // The attributes serialize in the order of their declaration, so the JSON is canonical.
        let canonical = serde_json::to_vec(request.attributes()).expect("all map keys of a row are strings");
        Self(salt.hash(b"content\0", &canonical))
    }

    /// Returns the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Implements `Display` and `Debug` as 64 hexadecimal digits.
macro_rules! hexadecimal {
    ($($name:ident),*) => {
        $(
            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&hex(&self.0))
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{}({self})", stringify!($name))
                }
            }
        )*
    };
}

hexadecimal!(RowIdentity, RowDigest);

/// Formats bytes as lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
