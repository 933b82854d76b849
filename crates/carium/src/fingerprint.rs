//! What something is recognised by, without telling what it is.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::documents::Sha256Digest;
use crate::error::Error;
use crate::random;

/// A digest of texts with a salt of its own: who has both can tell whether given texts are those, and two of the same
/// texts do not look alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    salt: String,
    digest: Sha256Digest,
}

impl Fingerprint {
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn of<T: AsRef<str>>(texts: &[T]) -> Result<Self, Error> {
        let salt = format!("{:032x}", random::bits()?);
        let digest = digest(&salt, texts);
        Ok(Self { salt, digest })
    }

    pub(crate) fn is_of<T: AsRef<str>>(&self, texts: &[T]) -> bool {
        self.digest == digest(&self.salt, texts)
    }
}

fn digest<T: AsRef<str>>(salt: &str, texts: &[T]) -> Sha256Digest {
    let mut hasher = Sha256::new();
    for text in [salt].into_iter().chain(texts.iter().map(AsRef::as_ref)) {
        // With its length, so that no two lists of texts are the same bytes.
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    Sha256Digest::so_far(&hasher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_of_its_texts_and_of_no_others() {
        let print = Fingerprint::of(&["ab", "c"]).unwrap();
        assert!(print.is_of(&["ab", "c"]));
        for texts in [&["a", "bc"][..], &["abc"], &["ab", "c", ""], &["c", "ab"], &[]] {
            assert!(!print.is_of(texts), "{texts:?}");
        }
        let again = Fingerprint::of(&["ab", "c"]).unwrap();
        assert!(again.digest != print.digest && again.salt != print.salt);
        let kept = serde_json::to_string(&print).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&kept).unwrap(), print);
    }
}
