//! Salted hashes that identify rows and their contents without revealing either.

use std::fmt;
use std::fmt::Write as _;

use carium::api::Redacted;
use carium::onboarding::OnboardingRequest;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

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
                    let mut text = String::with_capacity(64);
                    for byte in self.0 {
                        write!(text, "{byte:02x}")?;
                    }
                    f.write_str(&text)
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
