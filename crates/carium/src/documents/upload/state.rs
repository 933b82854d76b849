//! How far an upload has come.

use std::fmt;

use carium_api::types::DocumentReferenceId;
use serde::{Deserialize, Serialize};

use crate::documents::{Sha256Digest, UploadForm};
use crate::fingerprint::Fingerprint;

/// How far an upload has come, to go on from: [`Uploads::resume`](super::Uploads::resume).
///
/// Small, and can be serialized. Holds no health information, but while the file is not uploaded it holds the
/// presigned form, which is the right to upload for as long as it is valid: keep it like a password.
/// `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct UploadState {
    pub(super) place: Place,
    /// Of which document it is, once there is a reference: it must not be resumed with another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<Fingerprint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) orphans: Vec<DocumentReferenceId>,
}

/// What is done, and what that left.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub(super) enum Place {
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
        sha256: Sha256Digest,
    },
    Processed {
        id: DocumentReferenceId,
        size: u64,
        sha256: Sha256Digest,
    },
}

/// What of an upload is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UploadStage {
    /// Nothing.
    New,
    /// The service was asked for a reference, and its answer is not known: there may be one, without a file.
    /// It is not asked again by itself; see [`UploadState::start_over`].
    Creating,
    /// There is a reference, without a file.
    Created,
    /// The file is there, and the service was not told of it, or its answer is not known.
    Uploaded,
    /// Everything: the document can be opened.
    Processed,
}

impl UploadState {
    /// What is done.
    pub fn stage(&self) -> UploadStage {
        match &self.place {
            Place::New => UploadStage::New,
            Place::Creating => UploadStage::Creating,
            Place::Created { .. } => UploadStage::Created,
            Place::Uploaded { .. } => UploadStage::Uploaded,
            Place::Processed { .. } => UploadStage::Processed,
        }
    }

    /// The reference that the upload goes on with, where there is one.
    pub fn reference(&self) -> Option<DocumentReferenceId> {
        match &self.place {
            Place::New | Place::Creating => None,
            Place::Created { id, .. } | Place::Uploaded { id, .. } | Place::Processed { id, .. } => Some(*id),
        }
    }

    /// The length and the digest of the file, where it is there.
    pub(crate) fn file(&self) -> Option<(u64, Sha256Digest)> {
        match &self.place {
            Place::New | Place::Creating | Place::Created { .. } => None,
            Place::Uploaded { size, sha256, .. } | Place::Processed { size, sha256, .. } => {
                Some((*size, *sha256))
            }
        }
    }

    /// References that were created on the way and given up: they stay without a file.
    pub fn orphans(&self) -> &[DocumentReferenceId] {
        &self.orphans
    }

    /// The state without the presigned form, to be kept where secrets are not: what was uploaded stays so, and a
    /// reference that still wants its file becomes an orphan.
    #[must_use]
    pub fn without_form(mut self) -> Self {
        if let Place::Created { id, .. } = self.place {
            self.leave(Some(id));
        }
        self
    }

    /// Leaves a reference without a file, if there is one, and is at the beginning again: of no document yet.
    pub(super) fn leave(&mut self, reference: Option<DocumentReferenceId>) {
        self.orphans.extend(reference);
        (self.place, self.document) = (Place::New, None);
    }

    /// Decides that a reference is to be created, although the answer to an earlier creation is not known: after
    /// someone has looked. `found` is the reference that was there after all; without its form it is of no
    /// use, and is reported as an orphan.
    #[must_use]
    pub fn start_over(mut self, found: Option<DocumentReferenceId>) -> Self {
        if self.place == Place::Creating {
            self.leave(found);
        }
        self
    }

    /// What an upload that ends here leaves behind, for a person.
    pub(super) fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::New if self.orphans.is_empty() => f.write_str("nothing is left behind")?,
            Place::New => f.write_str("nothing can be gone on with")?,
            Place::Creating => f.write_str("a reference may be left behind without a file")?,
            Place::Created { id, .. } => {
                write!(f, "reference {id} is left behind without its file; resume from the state")?;
            }
            Place::Uploaded { id, .. } => {
                write!(f, "the file of reference {id} is uploaded and not processed; resume from the state")?;
            }
            Place::Processed { id, .. } => write!(f, "document {id} is filed")?,
        }
        for (index, orphan) in self.orphans.iter().enumerate() {
            write!(f, "{}{orphan}", if index == 0 { "; left without a file for good: " } else { ", " })?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

    fn at(place: Place) -> UploadState {
        UploadState { place, document: None, orphans: Vec::new() }
    }

    fn places() -> [Place; 5] {
        let (id, size, sha256) = (ID.parse().unwrap(), 3, Sha256Digest::of(b"abc"));
        let form =
            UploadForm::new("https://example.com/canary".into(), [("key", "canary")].into_iter().collect());
        [
            Place::New,
            Place::Creating,
            Place::Created { id, form },
            Place::Uploaded { id, size, sha256 },
            Place::Processed { id, size, sha256 },
        ]
    }

    #[test]
    fn comes_back_as_it_was_and_shows_no_form() {
        for place in places() {
            let state = at(place);
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<UploadState>(&text).unwrap(), state, "{text}");
            assert!(!format!("{state:?} {state:#?}").contains("canary"));
        }
    }

    /// States are kept for longer than a version of this crate.
    #[test]
    fn reads_what_was_kept_before() {
        let kept = format!(
            r#"{{"place": {{"stage": "uploaded", "id": "{ID}", "size": 3, "sha256": "{}"}}}}"#,
            Sha256Digest::of(b"abc")
        );
        let state: UploadState = serde_json::from_str(&kept).unwrap();
        assert_eq!(
            state,
            at(Place::Uploaded { id: ID.parse().unwrap(), size: 3, sha256: Sha256Digest::of(b"abc") })
        );
        assert_eq!(
            serde_json::from_str::<UploadState>(r#"{"place": {"stage": "new"}}"#).unwrap(),
            UploadState::default()
        );
    }

    #[test]
    fn without_its_form_a_reference_is_an_orphan() {
        for place in places() {
            let state = at(place);
            let kept = state.clone().without_form();
            assert!(!serde_json::to_string(&kept).unwrap().contains("canary"));
            if state.stage() == UploadStage::Created {
                assert_eq!((kept.stage(), kept.orphans()), (UploadStage::New, &[ID.parse().unwrap()][..]));
            } else {
                assert_eq!(kept, state);
            }
        }
    }

    #[test]
    fn only_an_unknown_creation_is_started_over() {
        for place in places() {
            let state = at(place);
            let over = state.clone().start_over(Some(ID.parse().unwrap()));
            if state.stage() == UploadStage::Creating {
                assert_eq!((over.stage(), over.orphans().len()), (UploadStage::New, 1));
            } else {
                assert_eq!(over, state);
            }
        }
    }
}
