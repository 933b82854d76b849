//! Why an upload was not done, and how far it came.

use std::error::Error as StdError;
use std::fmt;

use super::{UploadStage, UploadState};
use crate::error::{Error, ErrorKind};

/// Why an upload was not done, and how far it came.
pub struct UploadError(Box<Parts>);

struct Parts {
    error: Error,
    state: UploadState,
}

impl UploadError {
    /// Also for those who test what they do with it.
    pub fn new(error: Error, state: UploadState) -> Self {
        Self(Box::new(Parts { error, state }))
    }

    /// Why.
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// What it comes down to.
    pub fn kind(&self) -> ErrorKind {
        self.0.error.kind()
    }

    /// How far it came, to [resume](super::Uploads::resume) from.
    pub fn state(&self) -> &UploadState {
        &self.0.state
    }

    /// How far it came, itself.
    pub fn into_state(self) -> UploadState {
        self.0.state
    }

    /// Why, and how far it came.
    pub fn into_parts(self) -> (Error, UploadState) {
        (self.0.error, self.0.state)
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.state.stage() == UploadStage::Processed {
            return write!(f, "the document is filed, and this went wrong after it: {}", self.0.error);
        }
        write!(f, "the document is not filed: {}; ", self.0.error)?;
        self.0.state.tell(f)
    }
}

impl fmt::Debug for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadError").field("error", &self.0.error).field("state", &self.0.state).finish()
    }
}

impl StdError for UploadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The error itself is told in full already.
        self.0.error.source()
    }
}
