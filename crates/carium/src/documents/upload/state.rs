//! The state of an upload, which can be saved and resumed, and the result of an upload: a receipt, or an error with
//! the state.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use carium_api::types::DocumentReferenceId;
use serde::{Deserialize, Serialize};

use crate::documents::{NewDocument, UploadForm};
use crate::error::{Error, ErrorKind};
use crate::fingerprint::Fingerprint;
use crate::sha256::Sha256Digest;

/// The state of an upload, from which it can be resumed: see [`Uploads::resume`](super::Uploads::resume).
///
/// The state is small and can be serialized. It has no health information. Until the file is uploaded, it has the
/// presigned form, which allows anyone to upload a file until it expires: store it like a password. `Debug` does not
/// show the form.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UploadState {
    pub(super) phase: UploadPhase,
    /// The fingerprint of the document, as soon as a creation has started. The upload must not be resumed with
    /// another document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<Fingerprint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) orphans: Vec<DocumentReferenceId>,
}

/// A stage of an upload with the data that it produced.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub(super) enum UploadPhase {
    #[default]
    New,
    Creating,
    Created {
        id: DocumentReferenceId,
        form: UploadForm,
    },
    Uploaded {
        id: DocumentReferenceId,
        size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<Sha256Digest>,
    },
    Processed {
        id: DocumentReferenceId,
        size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<Sha256Digest>,
    },
}

/// The stage that an upload has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UploadStage {
    /// Nothing has been done.
    New,
    /// The request to create a document reference may have been sent, and its outcome is unknown: a reference without
    /// a file may exist. The creation is not retried automatically; see [`UploadState::start_over`].
    Creating,
    /// The reference exists and has no file.
    Created,
    /// The file is uploaded. It has not been processed, or the outcome of the processing is unknown.
    Uploaded,
    /// Completed: the document can be opened.
    Processed,
}

impl UploadState {
    /// Returns the stage that the upload has reached.
    pub fn stage(&self) -> UploadStage {
        match &self.phase {
            UploadPhase::New => UploadStage::New,
            UploadPhase::Creating => UploadStage::Creating,
            UploadPhase::Created { .. } => UploadStage::Created,
            UploadPhase::Uploaded { .. } => UploadStage::Uploaded,
            UploadPhase::Processed { .. } => UploadStage::Processed,
        }
    }

    /// Returns the document reference that the upload uses, if one was created.
    pub fn reference(&self) -> Option<DocumentReferenceId> {
        match &self.phase {
            UploadPhase::New | UploadPhase::Creating => None,
            UploadPhase::Created { id, .. }
            | UploadPhase::Uploaded { id, .. }
            | UploadPhase::Processed { id, .. } => Some(*id),
        }
    }

    /// Returns the size and the digest of the file, if it is uploaded. The upload may have computed no digest.
    pub(crate) fn file(&self) -> Option<(u64, Option<Sha256Digest>)> {
        match &self.phase {
            UploadPhase::New | UploadPhase::Creating | UploadPhase::Created { .. } => None,
            UploadPhase::Uploaded { size, sha256, .. } | UploadPhase::Processed { size, sha256, .. } => {
                Some((*size, *sha256))
            }
        }
    }

    /// Returns the references that the upload created and abandoned. They stay in the record without a file.
    pub fn orphans(&self) -> &[DocumentReferenceId] {
        &self.orphans
    }

    /// Removes the presigned form, so that the state can be saved in a place that is not meant for secrets.
    ///
    /// If the file is not uploaded yet, its reference becomes an orphan, because nothing can be uploaded to it
    /// without the form. A file that is already uploaded is not affected.
    #[must_use]
    pub fn without_form(mut self) -> Self {
        if let UploadPhase::Created { id, .. } = self.phase {
            self.reset(Some(id));
        }
        self
    }

    /// Checks whether an upload of this document can be resumed from the state.
    pub(crate) fn is_usable_for(&self, document: &NewDocument) -> bool {
        let fingerprint = self.document.as_ref();
        fingerprint.is_none_or(|fingerprint| fingerprint.matches_texts(&fingerprint_texts(document)))
    }

    /// Adds a reference that another upload of the same document created and abandoned, unless it is known.
    pub(crate) fn with_orphan(mut self, orphan: DocumentReferenceId) -> Self {
        if !self.orphans.contains(&orphan) {
            self.orphans.push(orphan);
        }
        self
    }

    /// Returns to the first phase, in which the state belongs to no document. The reference becomes an orphan, if
    /// there is one.
    pub(super) fn reset(&mut self, orphan: Option<DocumentReferenceId>) {
        self.orphans.extend(orphan);
        (self.phase, self.document) = (UploadPhase::New, None);
    }

    /// Allows a resumed upload to create a reference although the outcome of an earlier creation is unknown. Check
    /// first whether the earlier creation succeeded.
    ///
    /// `found` is the reference of the earlier creation, if it exists. It cannot be used without its form, which is
    /// lost, and becomes an orphan. In any stage but [`UploadStage::Creating`], nothing changes.
    #[must_use]
    pub fn start_over(mut self, found: Option<DocumentReferenceId>) -> Self {
        if self.phase == UploadPhase::Creating {
            self.reset(found);
        }
        self
    }

    /// Writes, for an error message, what an upload that ended in this state has left in the record.
    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            UploadPhase::New if self.orphans.is_empty() => {
                f.write_str("no document reference was created")?;
            }
            UploadPhase::New => f.write_str("a resumed upload creates a new document reference")?,
            UploadPhase::Creating => f.write_str("a document reference without a file may exist")?,
            UploadPhase::Created { id, .. } => {
                write!(f, "document reference {id} has no file yet; resume the upload from its state")?;
            }
            UploadPhase::Uploaded { id, .. } => {
                write!(
                    f,
                    "the file of document reference {id} is uploaded but not processed; \
                     resume the upload from its state"
                )?;
            }
            UploadPhase::Processed { id, .. } => write!(f, "document {id} is completely uploaded")?,
        }
        for (index, orphan) in self.orphans.iter().enumerate() {
            let separator = if index == 0 { "; document references left without a file: " } else { ", " };
            write!(f, "{separator}{orphan}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for UploadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadState")
            .field("stage", &self.stage())
            .field("reference", &self.reference())
            .field("orphans", &self.orphans)
            .finish_non_exhaustive()
    }
}

/// Returns the salted fingerprint of a document.
pub(super) fn fingerprint(document: &NewDocument) -> Result<Fingerprint, Error> {
    Fingerprint::new(&fingerprint_texts(document))
}

/// Returns all attributes of a document, as the input of its fingerprint.
fn fingerprint_texts(document: &NewDocument) -> [String; 7] {
    let attributes = document.attributes();
    [
        attributes.organization_id.to_string(),
        attributes.individual_id.to_string(),
        attributes.class_id.to_string(),
        attributes.name.as_str().to_owned(),
        attributes.attachment_filename.as_str().to_owned(),
        attributes.attachment_content_type.as_str().to_owned(),
        attributes.description.clone().unwrap_or_default(),
    ]
}

/// The state of an upload, shared with its handles.
#[derive(Clone, Debug)]
pub(super) struct SharedState(Arc<Mutex<UploadState>>);

impl SharedState {
    pub(super) fn new(state: UploadState) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn get(&self) -> UploadState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, state: UploadState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Storage for the state of an upload, so that it can be resumed after the program has ended.
///
/// The state is saved before the reference is created, which must not be done twice, and after each completed stage.
#[async_trait]
pub trait UploadStateStore: Send + Sync {
    /// Saves the state. The upload continues when this returns, and ends if it fails.
    ///
    /// The state can have a presigned form, which allows anyone to upload a file until it expires: store it like a
    /// password.
    async fn save(&self, state: &UploadState) -> Result<(), Error>;
}

/// The result of a completed upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadReceipt {
    /// The ID of the document reference.
    pub id: DocumentReferenceId,
    /// The size of the file in bytes.
    pub size: u64,
    /// The digest of the file, computed during the upload. `None` if the file was sent with
    /// [`Digest::None`](crate::documents::Digest::None).
    pub sha256: Option<Sha256Digest>,
    /// References that the upload created and abandoned because their forms had expired. They stay in the record
    /// without a file and must be removed manually.
    pub orphans: Vec<DocumentReferenceId>,
}

impl UploadReceipt {
    /// Creates a receipt without orphans. For tests of code that handles receipts.
    pub fn new(id: DocumentReferenceId, size: u64, sha256: impl Into<Option<Sha256Digest>>) -> Self {
        Self { id, size, sha256: sha256.into(), orphans: Vec::new() }
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

    /// Returns whether a person has to check whether the document reference exists, because the response to its creation was
    /// lost. Otherwise, the upload can be resumed from its state, whatever the cause is: nothing is created twice.
    pub fn needs_check(&self) -> bool {
        self.0.state.stage() == UploadStage::Creating
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
        // So that a program whose `main` returns this error prints the sentence.
        if !f.alternate() {
            return fmt::Display::fmt(self, f);
        }
        f.debug_struct("UploadError").field("error", &self.0.error).field("state", &self.0.state).finish()
    }
}

impl StdError for UploadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // `Display` includes the cause, so the chain continues with the source of the cause.
        self.0.error.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

    fn state_in(phase: UploadPhase) -> UploadState {
        UploadState { phase, document: None, orphans: Vec::new() }
    }

    fn phases() -> [UploadPhase; 6] {
        let (id, size, sha256) = (ID.parse().unwrap(), 3, Some(Sha256Digest::of(b"abc")));
        let form =
            UploadForm::new("https://example.com/canary".into(), [("key", "canary")].into_iter().collect());
        [
            UploadPhase::New,
            UploadPhase::Creating,
            UploadPhase::Created { id, form },
            UploadPhase::Uploaded { id, size, sha256 },
            UploadPhase::Uploaded { id, size, sha256: None },
            UploadPhase::Processed { id, size, sha256 },
        ]
    }

    #[test]
    fn round_trips_through_json_and_debug_hides_the_form() {
        for phase in phases() {
            let state = state_in(phase);
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<UploadState>(&text).unwrap(), state, "{text}");
            assert!(!format!("{state:?} {state:#?}").contains("canary"));
        }
    }

    /// States are stored, and can be older than the current version of this crate.
    #[test]
    fn reads_states_without_optional_fields() {
        let stored = format!(
            r#"{{"phase": {{"stage": "uploaded", "id": "{ID}", "size": 3, "sha256": "{}"}}}}"#,
            Sha256Digest::of(b"abc")
        );
        let state: UploadState = serde_json::from_str(&stored).unwrap();
        assert_eq!(
            state,
            state_in(UploadPhase::Uploaded {
                id: ID.parse().unwrap(),
                size: 3,
                sha256: Some(Sha256Digest::of(b"abc"))
            })
        );
        assert_eq!(
            serde_json::from_str::<UploadState>(r#"{"phase": {"stage": "new"}}"#).unwrap(),
            UploadState::default()
        );
    }

    #[test]
    fn without_form_turns_a_reference_without_file_into_an_orphan() {
        for phase in phases() {
            let state = state_in(phase);
            let without_form = state.clone().without_form();
            assert!(!serde_json::to_string(&without_form).unwrap().contains("canary"));
            if state.stage() == UploadStage::Created {
                assert_eq!(without_form.stage(), UploadStage::New);
                assert_eq!(without_form.orphans(), [ID.parse().unwrap()]);
            } else {
                assert_eq!(without_form, state);
            }
        }
    }

    #[test]
    fn start_over_affects_only_creations_with_unknown_outcome() {
        for phase in phases() {
            let state = state_in(phase);
            let restarted = state.clone().start_over(Some(ID.parse().unwrap()));
            if state.stage() == UploadStage::Creating {
                assert_eq!((restarted.stage(), restarted.orphans().len()), (UploadStage::New, 1));
            } else {
                assert_eq!(restarted, state);
            }
        }
    }
}
