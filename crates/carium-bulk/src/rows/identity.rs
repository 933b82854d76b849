//! What a row is recognised by, without saying whose it is.

use std::fmt;
use std::fmt::Write as _;

use carium::api::Redacted;
use carium::onboarding::OnboardingRequest;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What the hashes of a queue's rows are keyed with: 32 random bytes, made once for a queue and kept with it.
///
/// E-mail addresses and phone numbers are few enough to be tried out one by one, so hashes without it would say whose
/// they are. Who has the salt can still try them.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// The salt of these bytes, which come from a source of random that cannot be guessed.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept with the queue.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The HMAC-SHA-256 (RFC 2104) of these bytes, in the role of `what`.
    fn hash(&self, what: &[u8], bytes: &[u8]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mut mac = mac.expect("an HMAC takes a key of any length");
        mac.update(what);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Salt").field(&Redacted::Secret).finish()
    }
}

/// What a row is recognised by: a salted hash of its key, which is the column given for it, else the username. It does
/// not hold the key.
///
/// A username counts in small letters, since e-mail addresses that differ in nothing else reach the same person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowIdentity([u8; 32]);

impl RowIdentity {
    /// Of a username, or of a column that can be one.
    pub(super) fn of_username(salt: &Salt, username: &str) -> Self {
        Self::of_key(salt, &username.to_lowercase())
    }

    /// Of what a column says.
    pub(super) fn of_key(salt: &Salt, key: &str) -> Self {
        Self(salt.hash(b"key\0", key.as_bytes()))
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What is wanted by a row, as a salted hash: that of a row under a known key that has changed is another one.
///
/// It is over what the row comes to, so a row that says the same in another way has the same one: as CSV or as
/// NDJSON, with its fields in another order, with a default written out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowDigest([u8; 32]);

impl RowDigest {
    pub(super) fn of(salt: &Salt, request: &OnboardingRequest) -> Self {
        // The fields in the order of their type.
        let canonical =
            serde_json::to_vec(request.attributes()).expect("a row has nothing but texts as names");
        Self(salt.hash(b"content\0", &canonical))
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// As 64 hexadecimal digits.
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
