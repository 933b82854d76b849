//! A document that can be filed.

use std::borrow::Cow;
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
        let fields = DocumentFields {
            name: self.name.as_deref(),
            file_name: self.file_name.as_deref(),
            media_type: self.media_type.as_deref(),
        };
        let checked = fields.check(Cow::Borrowed, &mut problems);
        let (Some(organization_id), Some(individual_id), Some(class_id), Some(checked), []) =
            (organization_id, individual_id, class_id, checked, problems.as_slice())
        else {
            return Err(Error::invalid("the document is invalid", problems));
        };
        let mut attributes = types::NewDocumentReference::from(types::required::NewDocumentReference {
            attachment_content_type: checked.media_type,
            attachment_filename: checked.file_name,
            class_id,
            individual_id,
            name: checked.name,
            organization_id,
        });
        attributes.description = self.description;
        Ok(NewDocument(attributes))
    }
}

impl fmt::Debug for NewDocumentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewDocumentBuilder").finish_non_exhaustive()
    }
}

/// The fields of a document that have rules. A builder and a row of an onboarding file apply the same ones.
pub(crate) struct DocumentFields<'a> {
    pub(crate) name: Option<&'a str>,
    /// The name of the file, or a path that ends with it.
    pub(crate) file_name: Option<&'a str>,
    /// If `None`, the type is guessed from the extension of the file name.
    pub(crate) media_type: Option<&'a str>,
}

/// Fields of a document that satisfy the rules of the API.
pub(crate) struct CheckedDocument {
    pub(crate) name: DocumentName,
    pub(crate) file_name: FileName,
    pub(crate) media_type: MediaType,
}

impl DocumentFields<'_> {
    /// Checks the fields. `path_of` returns the path of a field in the caller's input, given its name in the API.
    pub(crate) fn check(
        &self,
        path_of: impl Fn(&'static str) -> Cow<'static, str>,
        problems: &mut Vec<Problem>,
    ) -> Option<CheckedDocument> {
        let name = check_name(path_of("name"), self.name, problems);
        let file_name = check_file_name(path_of("attachment-filename"), self.file_name, problems);
        let media_type = check_media_type(path_of("attachment-content-type"), &self.media_type(), problems);
        Some(CheckedDocument { name: name?, file_name: file_name?, media_type: media_type? })
    }

    fn media_type(&self) -> Cow<'_, str> {
        let guess = || {
            let file_name = without_path(self.file_name.unwrap_or_default());
            // The images of radiology, which the list of media types does not have.
            if file_name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("dcm"))
            {
                return "application/dicom".into();
            }
            mime_guess::from_path(file_name).first_or_octet_stream().to_string().into()
        };
        self.media_type.map_or_else(guess, Cow::Borrowed)
    }
}

fn check_name(
    path: Cow<'static, str>,
    name: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<DocumentName> {
    let text = required(path.clone(), name, problems)?;
    if text.trim().is_empty() {
        problems.push(Problem::new(path, "is empty"));
    }
    DocumentName::try_from(text).ok()
}

fn check_file_name(
    path: Cow<'static, str>,
    file_name: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<FileName> {
    let name = without_path(required(path.clone(), file_name, problems)?);
    if name.trim().is_empty() || matches!(name, "." | "..") {
        problems.push(Problem::new(path, "is not a file name"));
    } else if name.contains('\0') {
        problems.push(Problem::new(path, "contains a NUL character"));
    }
    FileName::try_from(name).ok()
}

fn check_media_type(path: Cow<'static, str>, text: &str, problems: &mut Vec<Problem>) -> Option<MediaType> {
    // The parser also accepts `application/` and `image/*`, which are not types of a file.
    let is_specific = |part: Name<'_>| !part.as_str().is_empty() && part != STAR;
    let is_type = |mime: &Mime| is_specific(mime.type_()) && is_specific(mime.subtype());
    if !text.parse::<Mime>().is_ok_and(|mime| is_type(&mime)) {
        problems.push(Problem::new(path, "is not a media type, such as application/pdf"));
    } else if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        // It becomes a header of the multipart body. There, a type that no header can hold would be replaced
        // by another one without notice.
        problems.push(Problem::new(
            path,
            "contains characters that are not allowed in a header: use printable ASCII only",
        ));
    }
    MediaType::try_from(text).ok()
}
