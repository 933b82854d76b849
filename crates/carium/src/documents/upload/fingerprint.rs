//! What a document is recognised by, without telling what it is.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::documents::{NewDocument, Sha256Digest};

/// A salted digest of all that is said of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    salt: String,
    digest: Sha256Digest,
}

impl Fingerprint {
    pub(super) fn of(document: &NewDocument) -> Self {
        let salt = format!("{:032x}", fastrand::u128(..));
        let digest = digest(&salt, document);
        Self { salt, digest }
    }

    pub(super) fn is_of(&self, document: &NewDocument) -> bool {
        self.digest == digest(&self.salt, document)
    }
}

fn digest(salt: &str, document: &NewDocument) -> Sha256Digest {
    let said = document.attributes();
    let ids = [*said.organization_id, *said.individual_id, *said.class_id].map(|id| id.to_string());
    let texts: [&str; 8] = [
        salt,
        &ids[0],
        &ids[1],
        &ids[2],
        said.name.as_str(),
        said.attachment_filename.as_str(),
        said.attachment_content_type.as_str(),
        said.description.as_deref().unwrap_or_default(),
    ];
    let mut hasher = Sha256::new();
    for text in texts {
        // With its length, so that no two lists of texts are the same bytes.
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    Sha256Digest::so_far(&hasher)
}
