//! The result of an upload: a receipt or an error.

use std::error::Error as StdError;
use std::fmt;

use carium_api::types::DocumentReferenceId;

use super::{UploadStage, UploadState};
use crate::documents::Sha256Digest;
use crate::error::{Error, ErrorKind};

/// The result of a completed upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadReceipt {
    /// The ID of the document reference.
    pub id: DocumentReferenceId,
    /// The size of the file in bytes.
    pub size: u64,
    /// The digest of the file, computed during the upload.
    pub sha256: Sha256Digest,
    /// References that the upload created and abandoned because their forms had expired. They stay in the record
    /// without a file and must be removed manually.
    pub orphans: Vec<DocumentReferenceId>,
}

impl UploadReceipt {
    /// Creates a receipt without orphans. For tests of code that handles receipts.
    pub fn new(id: DocumentReferenceId, size: u64, sha256: Sha256Digest) -> Self {
        Self { id, size, sha256, orphans: Vec::new() }
    }
}

/// The error of an upload, with the state to resume from.
pub struct UploadError(Box<UploadErrorInner>);

struct UploadErrorInner {
    error: Error,
    state: UploadState,
}

impl UploadError {
    /// Creates an error. Public for tests of code that handles upload errors.
    pub fn new(error: Error, state: UploadState) -> Self {
        Self(Box::new(UploadErrorInner { error, state }))
    }

    /// Returns the cause.
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// Returns the kind of the cause.
    pub fn kind(&self) -> ErrorKind {
        self.0.error.kind()
    }

    /// Returns the state to [resume](super::Uploads::resume) from.
    pub fn state(&self) -> &UploadState {
        &self.0.state
    }

    /// Converts the error into the state to [resume](super::Uploads::resume) from.
    pub fn into_state(self) -> UploadState {
        self.0.state
    }

    /// Converts the error into the cause and the state.
    pub fn into_parts(self) -> (Error, UploadState) {
        (self.0.error, self.0.state)
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.state.stage() == UploadStage::Processed {
            return write!(f, "the document was uploaded, but a later step failed: {}", self.0.error);
        }
        write!(f, "could not upload the document: {}; ", self.0.error)?;
        self.0.state.describe(f)
    }
}

impl fmt::Debug for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadError").field("error", &self.0.error).field("state", &self.0.state).finish()
    }
}

impl StdError for UploadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // `Display` includes the cause, so the chain continues with the source of the cause.
        self.0.error.source()
    }
}
