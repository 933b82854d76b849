//! Which document to download.

use std::fmt;

use carium_api::Redacted;
use carium_api::types::DocumentReferenceId;

use crate::documents::{Document, Sha256Digest};

/// Which document to download, and what is known of it. An id makes one, and so does a [`Document`] of a list,
/// whose file name it takes.
#[derive(Clone, PartialEq)]
#[must_use]
pub struct DownloadRequest {
    pub(super) id: DocumentReferenceId,
    pub(super) file_name: Option<String>,
    pub(super) expected: Option<Sha256Digest>,
    pub(super) replaces: bool,
}

impl DownloadRequest {
    /// This document.
    pub fn new(id: DocumentReferenceId) -> Self {
        Self { id, file_name: None, expected: None, replaces: false }
    }

    /// What the file is called in a directory, before what the store calls it. Cleaned of whatever is not a
    /// name.
    pub fn file_name(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = Some(file_name.into());
        self
    }

    /// The digest that it has to have: that of [`UploadReceipt`](crate::documents::UploadReceipt), say.
    pub fn expected_sha256(mut self, sha256: Sha256Digest) -> Self {
        self.expected = Some(sha256);
        self
    }

    /// Replaces a file that is at the target already.
    pub fn overwrite(mut self) -> Self {
        self.replaces = true;
        self
    }
}

impl From<DocumentReferenceId> for DownloadRequest {
    fn from(id: DocumentReferenceId) -> Self {
        Self::new(id)
    }
}

impl From<&Document> for DownloadRequest {
    fn from(document: &Document) -> Self {
        Self { file_name: document.file_name.clone(), ..Self::new(document.id) }
    }
}

impl fmt::Debug for DownloadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadRequest")
            .field("id", &self.id)
            .field("file_name", &self.file_name.as_ref().map(|_| Redacted::Phi))
            .field("expected", &self.expected)
            .field("replaces", &self.replaces)
            .finish()
    }
}
