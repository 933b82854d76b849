//! Documents that can be filed.

use std::fmt;
use std::path::Path;

use carium_api::types::{
    self, DocumentClassId, DocumentName, FileName, IndividualId, MediaType, OrganizationId,
};

use mime_guess::Mime;
use mime_guess::mime::{Name, STAR};

use super::file_name::without_path;
use crate::error::Error;
use crate::problem::{Problem, required};

/// A document that can be filed in a patient's record.
#[derive(Clone, PartialEq)]
pub struct NewDocument(pub(super) types::NewDocumentReference);

impl NewDocument {
    /// Begins to describe a document.
    pub fn builder() -> NewDocumentBuilder {
        NewDocumentBuilder::default()
    }

    /// The patient in whose record it is filed.
    pub fn patient(&self) -> IndividualId {
        self.0.individual_id
    }

    /// The name of its file.
    pub fn file_name(&self) -> &str {
        &self.0.attachment_filename
    }

    /// The media type of its file.
    pub fn media_type(&self) -> &str {
        &self.0.attachment_content_type
    }

    /// All of it, as it is sent.
    pub fn attributes(&self) -> &types::NewDocumentReference {
        &self.0
    }
}

impl fmt::Debug for NewDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known so far of a document that is to be filed.
#[derive(Clone, Default)]
pub struct NewDocumentBuilder {
    organization: Option<OrganizationId>,
    patient: Option<IndividualId>,
    class: Option<DocumentClassId>,
    name: Option<String>,
    description: Option<String>,
    file_name: Option<String>,
    media_type: Option<String>,
}

impl NewDocumentBuilder {
    /// The organization. Required.
    #[must_use]
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// The patient in whose record it is filed. Required.
    #[must_use]
    pub fn patient(mut self, patient: IndividualId) -> Self {
        self.patient = Some(patient);
        self
    }

    /// The class, from [`Documents::classes`](super::Documents::classes). Required.
    #[must_use]
    pub fn class(mut self, class: DocumentClassId) -> Self {
        self.class = Some(class);
        self
    }

    /// What it is called in the record. Required.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What it is about, in free text.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// The name of its file. A path before it is left out. Required.
    #[must_use]
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// The name of its file, from where that lies.
    #[must_use]
    pub fn for_file(self, path: impl AsRef<Path>) -> Self {
        let name = path.as_ref().file_name().unwrap_or_default().to_string_lossy();
        self.file_name(name)
    }

    /// The media type of its file, such as `application/pdf`. Left out, what the extension of the file name
    /// stands for, else `application/octet-stream`.
    #[must_use]
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// The document, if it can be filed.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): [`Error::problems`] names every field that is wrong.
    pub fn build(self) -> Result<NewDocument, Error> {
        let mut problems = Vec::new();
        let organization_id = required("organization-id", self.organization, &mut problems);
        let individual_id = required("individual-id", self.patient, &mut problems);
        let class_id = required("class-id", self.class, &mut problems);
        let name = self.checked_name(&mut problems);
        let attachment_filename = self.checked_file_name(&mut problems);
        let attachment_content_type = self.checked_media_type(&mut problems);
        match (organization_id, individual_id, class_id, name, attachment_filename, attachment_content_type) {
            (
                Some(organization_id),
                Some(individual_id),
                Some(class_id),
                Some(name),
                Some(attachment_filename),
                Some(attachment_content_type),
            ) if problems.is_empty() => {
                let mut attributes =
                    types::NewDocumentReference::from(types::required::NewDocumentReference {
                        attachment_content_type,
                        attachment_filename,
                        class_id,
                        individual_id,
                        name,
                        organization_id,
                    });
                attributes.description = self.description;
                Ok(NewDocument(attributes))
            }
            _ => Err(Error::invalid("the document cannot be filed as given", problems)),
        }
    }

    fn checked_name(&self, problems: &mut Vec<Problem>) -> Option<DocumentName> {
        let text = required("name", self.name.as_deref(), problems)?;
        if text.trim().is_empty() {
            problems.push(Problem::new("name", "is empty"));
        }
        DocumentName::try_from(text).ok()
    }

    fn checked_file_name(&self, problems: &mut Vec<Problem>) -> Option<FileName> {
        let text = required("attachment-filename", self.file_name.as_deref(), problems)?;
        let name = without_path(text);
        if name.trim().is_empty() || matches!(name, "." | "..") {
            problems.push(Problem::new("attachment-filename", "is the name of no file"));
        }
        if name.contains('\0') {
            problems.push(Problem::new("attachment-filename", "has a NUL in it"));
        }
        FileName::try_from(name).ok()
    }

    fn checked_media_type(&self, problems: &mut Vec<Problem>) -> Option<MediaType> {
        let guessed = || {
            let file_name = without_path(self.file_name.as_deref().unwrap_or_default());
            mime_guess::from_path(file_name).first_or_octet_stream().to_string()
        };
        let text = self.media_type.clone().unwrap_or_else(guessed);
        // The parser also takes `application/` and `image/*`, which are not the type of any file.
        let named = |part: Name<'_>| !part.as_str().is_empty() && part != STAR;
        let is_type = |mime: &Mime| named(mime.type_()) && named(mime.subtype());
        if !text.parse::<Mime>().is_ok_and(|mime| is_type(&mime)) {
            problems.push(Problem::new(
                "attachment-content-type",
                "is not a media type: write it like application/pdf",
            ));
        } else if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            // It is the header of a part, and what would be sent in its place is another type.
            problems.push(Problem::new(
                "attachment-content-type",
                "has characters that no header can hold: leave out what is not ASCII",
            ));
        }
        MediaType::try_from(text).ok()
    }
}

impl fmt::Debug for NewDocumentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewDocumentBuilder").finish_non_exhaustive()
    }
}
