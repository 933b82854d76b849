//! AWS Signature Version 4.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The only supported algorithm.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The format of dates in a signature.
pub(super) const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

const ACCESS_KEY: &str = "carium-mock";

pub(super) struct Signer {
    secret: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// Creates a signer with a random secret, so that each store rejects the signatures of other stores.
    pub(super) fn random() -> Self {
        // The standard library's hasher has random keys. A test double needs no stronger secret.
        Self { secret: format!("{:016x}", RandomState::new().build_hasher().finish()) }
    }

    /// Returns the credential of a signature: the access key and the scope.
    pub(super) fn credential(date: DateTime<Utc>) -> String {
        format!("{ACCESS_KEY}/{}/us-east-1/s3/aws4_request", date.format("%Y%m%d"))
    }

    /// Returns the scope of a credential, or `None` if its access key is not that of the store.
    pub(super) fn scope(credential: &str) -> Option<&str> {
        credential.strip_prefix(ACCESS_KEY)?.strip_prefix('/')
    }

    pub(super) fn sign(&self, scope: &str, text: &str) -> String {
        let initial_key = format!("AWS4{}", self.secret).into_bytes();
        let key = scope.split('/').fold(initial_key, |key, part| keyed_hash(&key, part));
        hex(&keyed_hash(&key, text))
    }
}

fn keyed_hash(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub(super) fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected signature was computed with Python's `hmac` module.
    #[test]
    fn matches_the_signature_of_another_implementation() {
        let signer = Signer { secret: "example-secret".to_owned() };
        let signature = signer.sign("20151229/us-east-1/s3/aws4_request", "eyAiZXhwaXJhdGlvbiI6");
        assert_eq!(signature, "6b3039d2cc517f9582f922de6c14d24fb71667592f9e0c8ac8076555d3199527");
    }
}
