//! Salted digests, which recognize texts without storing them.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::random;
use crate::sha256::Sha256Digest;

/// A salted SHA-256 digest of a list of texts.
///
/// It can be stored in place of texts that contain health information. It shows whether given texts are the
/// same ones, and two fingerprints of the same texts differ because each has a random salt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    salt: String,
    digest: Sha256Digest,
}

impl Fingerprint {
    /// Creates a fingerprint of texts with a new salt.
    ///
    /// # Errors
    /// Returns `Io` if the operating system's random number generator fails.
    pub(crate) fn new<T: AsRef<str>>(texts: &[T]) -> Result<Self, Error> {
        let salt = format!("{:032x}", random::secure_u128()?);
        let digest = digest(&salt, texts);
        Ok(Self { salt, digest })
    }

    /// Returns whether this is a fingerprint of the texts.
    pub(crate) fn matches_texts<T: AsRef<str>>(&self, texts: &[T]) -> bool {
        self.digest == digest(&self.salt, texts)
    }
}

fn digest<T: AsRef<str>>(salt: &str, texts: &[T]) -> Sha256Digest {
    let mut hasher = Sha256::new();
    for text in [salt].into_iter().chain(texts.iter().map(AsRef::as_ref)) {
        // The length prefix makes the encoding unambiguous: `["ab", "c"]` and `["a", "bc"]` are hashed
        // differently.
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    Sha256Digest::from_hasher(&hasher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_only_the_same_texts() {
        let fingerprint = Fingerprint::new(&["ab", "c"]).unwrap();
        assert!(fingerprint.matches_texts(&["ab", "c"]));
        for texts in [&["a", "bc"][..], &["abc"], &["ab", "c", ""], &["c", "ab"], &[]] {
            assert!(!fingerprint.matches_texts(texts), "{texts:?}");
        }
        let second = Fingerprint::new(&["ab", "c"]).unwrap();
        assert!(second.digest != fingerprint.digest && second.salt != fingerprint.salt);
        let json = serde_json::to_string(&fingerprint).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap(), fingerprint);
    }
}
