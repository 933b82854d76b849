//! What an upload leads to.

use carium_api::types::DocumentReferenceId;

use crate::documents::Sha256Digest;

/// A document that is filed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadReceipt {
    /// The id of its reference.
    pub id: DocumentReferenceId,
    /// How many bytes its file has.
    pub size: u64,
    /// The digest of its file, computed on the way.
    pub sha256: Sha256Digest,
    /// References that were created on the way and given up, because their forms were no longer valid: they
    /// stay in the record without a file, for a person to remove.
    pub orphans: Vec<DocumentReferenceId>,
}

impl UploadReceipt {
    /// One without orphans: for those who test what they do with it.
    pub fn new(id: DocumentReferenceId, size: u64, sha256: Sha256Digest) -> Self {
        Self { id, size, sha256, orphans: Vec::new() }
    }
}
