//! A document that can be filed.

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
    /// Returns an empty builder.
    pub fn builder() -> NewDocumentBuilder {
        NewDocumentBuilder::default()
    }

    /// Returns the patient in whose record the document is filed.
    pub fn patient(&self) -> IndividualId {
        self.0.individual_id
    }

    /// Returns the name of the file.
    pub fn file_name(&self) -> &str {
        &self.0.attachment_filename
    }

    /// Returns the media type of the file.
    pub fn media_type(&self) -> &str {
        &self.0.attachment_content_type
    }

    /// Returns all attributes, as they are sent to the service.
    pub fn attributes(&self) -> &types::NewDocumentReference {
        &self.0
    }
}

impl fmt::Debug for NewDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Builder for [`NewDocument`].
#[derive(Clone, Default)]
#[must_use]
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
    /// Sets the organization. Required.
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Sets the patient in whose record the document is filed. Required.
    pub fn patient(mut self, patient: IndividualId) -> Self {
        self.patient = Some(patient);
        self
    }

    /// Sets the class, one of [`Documents::classes`](super::Documents::classes). Required.
    pub fn class(mut self, class: DocumentClassId) -> Self {
        self.class = Some(class);
        self
    }

    /// Sets the document's name in the record. Required.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets a description in free text.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets the name of the file. If a path is given, only its last component is used. Required.
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Sets the name of the file to the last component of a path.
    pub fn for_file(self, path: impl AsRef<Path>) -> Self {
        let name = path.as_ref().file_name().unwrap_or_default().to_string_lossy();
        self.file_name(name)
    }

    /// Sets the media type of the file, such as `application/pdf`. If unset, it is guessed from the file name's
    /// extension, with `application/octet-stream` as the fallback.
    pub fn media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Validates the fields and returns the document.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): a field is missing or invalid. [`Error::problems`] lists
    /// every such field.
    pub fn build(self) -> Result<NewDocument, Error> {
        let mut problems = Vec::new();
        let organization_id = required("organization-id", self.organization, &mut problems);
        let individual_id = required("individual-id", self.patient, &mut problems);
        let class_id = required("class-id", self.class, &mut problems);
        let name = self.validated_name(&mut problems);
        let attachment_filename = self.validated_file_name(&mut problems);
        let attachment_content_type = self.validated_media_type(&mut problems);
        let attributes = || {
            Some(types::required::NewDocumentReference {
                attachment_content_type: attachment_content_type?,
                attachment_filename: attachment_filename?,
                class_id: class_id?,
                individual_id: individual_id?,
                name: name?,
                organization_id: organization_id?,
            })
        };
        let Some(attributes) = attributes().filter(|_| problems.is_empty()) else {
            return Err(Error::invalid("the document is invalid", problems));
        };
        let mut attributes = types::NewDocumentReference::from(attributes);
        attributes.description = self.description;
        Ok(NewDocument(attributes))
    }

    fn validated_name(&self, problems: &mut Vec<Problem>) -> Option<DocumentName> {
        let text = required("name", self.name.as_deref(), problems)?;
        if text.trim().is_empty() {
            problems.push(Problem::new("name", "is empty"));
        }
        DocumentName::try_from(text).ok()
    }

    fn validated_file_name(&self, problems: &mut Vec<Problem>) -> Option<FileName> {
        let text = required("attachment-filename", self.file_name.as_deref(), problems)?;
        let name = without_path(text);
        if name.trim().is_empty() || matches!(name, "." | "..") {
            problems.push(Problem::new("attachment-filename", "is not a file name"));
        }
        if name.contains('\0') {
            problems.push(Problem::new("attachment-filename", "contains a NUL character"));
        }
        FileName::try_from(name).ok()
    }

    fn validated_media_type(&self, problems: &mut Vec<Problem>) -> Option<MediaType> {
        let guess = || {
            let file_name = without_path(self.file_name.as_deref().unwrap_or_default());
            mime_guess::from_path(file_name).first_or_octet_stream().to_string()
        };
        let text = self.media_type.clone().unwrap_or_else(guess);
        // The parser also accepts `application/` and `image/*`, which are not types of a file.
        let is_specific = |part: Name<'_>| !part.as_str().is_empty() && part != STAR;
        let is_type = |mime: &Mime| is_specific(mime.type_()) && is_specific(mime.subtype());
        if !text.parse::<Mime>().is_ok_and(|mime| is_type(&mime)) {
            problems.push(Problem::new(
                "attachment-content-type",
                "is not a media type, such as application/pdf",
            ));
        } else if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            // It becomes a header of the multipart body. There, a type that no header can hold would be replaced
            // by another one without notice.
            problems.push(Problem::new(
                "attachment-content-type",
                "contains characters that are not allowed in a header: use printable ASCII only",
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
