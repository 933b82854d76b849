//! Strategies for documents.

use carium::NewDocument;
use carium::documents::{DocumentClassId, IndividualId, NewDocumentBuilder, OrganizationId};
use proptest::option;
use proptest::prelude::*;

use super::expect_valid;
use super::files::{file_name, media_type};
use super::ids::id;
use super::invalid::{Defects, Invalid};
use super::strings::one_of;
use super::text::{document_name, text};

/// Generates valid documents. Some have an explicit media type, and others the one that follows from the file name.
pub fn new_document() -> impl Strategy<Value = NewDocument> + Clone {
    new_document_builder().prop_map(|builder| expect_valid(builder.build()))
}

/// Generates builders of valid documents, so that you can set fields yourself. Some file names have a path, which the
/// builder removes.
pub fn new_document_builder() -> impl Strategy<Value = NewDocumentBuilder> + Clone {
    fields().prop_map(DocumentFields::into_builder).boxed()
}

/// Generates builders of documents that are invalid for exactly one reason. [`NewDocumentBuilder::build`] returns an
/// error that names the field and no other.
///
/// | field | defects |
/// | --- | --- |
/// | `organization-id`, `individual-id`, `class-id` | missing |
/// | `name` | missing; blank |
/// | `attachment-filename` | missing; blank; a path without a name; a NUL character |
/// | `attachment-content-type` | malformed |
pub fn invalid_document() -> impl Strategy<Value = Invalid<NewDocumentBuilder>> + Clone {
    let defects = Defects::of(fields())
        .with("organization-id", "missing", |fields| DocumentFields { organization: None, ..fields })
        .with("individual-id", "missing", |fields| DocumentFields { patient: None, ..fields })
        .with("class-id", "missing", |fields| DocumentFields { class: None, ..fields })
        .with("name", "missing", |fields| DocumentFields { name: None, ..fields })
        .with_value("name", "blank", blank(), |fields, name| DocumentFields { name: Some(name), ..fields });
    file_defects(defects).any().prop_map(|invalid| invalid.map(DocumentFields::into_builder)).boxed()
}

fn file_defects(defects: Defects<DocumentFields>) -> Defects<DocumentFields> {
    let set = |fields, file_name| DocumentFields { file_name: Some(file_name), ..fields };
    let path =
        one_of(&["/", "letters/", r"C:\scans\", ".", "..", "letters/..", r"..\.", "letters/ ", "/a/b/c/"]);
    let malformed = one_of(&[
        "",
        "a",
        "pdf",
        ".pdf",
        "application",
        "application/",
        "/pdf",
        "application pdf",
        "image/*",
    ]);
    defects
        .with("attachment-filename", "missing", |fields| DocumentFields { file_name: None, ..fields })
        .with_value("attachment-filename", "blank", blank(), set)
        .with_value("attachment-filename", "a path without a name", path, set)
        .with_value("attachment-filename", "a NUL character", file_name(), move |fields, name| {
            let stem: String = name.chars().take(3).collect();
            set(fields, format!("{stem}\0.pdf"))
        })
        .with_value("attachment-content-type", "malformed", malformed, |fields, media_type| DocumentFields {
            media_type: Some(media_type),
            ..fields
        })
}

fn blank() -> impl Strategy<Value = String> {
    one_of(&["", " ", "\t", "\n", "   ", "\u{a0}", "\u{3000}"])
}

/// The fields of a builder, which can be changed before the builder is created.
#[derive(Clone, Debug)]
struct DocumentFields {
    organization: Option<OrganizationId>,
    patient: Option<IndividualId>,
    class: Option<DocumentClassId>,
    name: Option<String>,
    description: Option<String>,
    file_name: Option<String>,
    media_type: Option<String>,
}

fn fields() -> impl Strategy<Value = DocumentFields> + Clone {
    let path = one_of(&["scans/", "/srv/scans/2024/", r"C:\scans\", "../", "~/Überweisungen/"]);
    // Four of five file names have no path, and shrinking removes the path.
    let path = prop_oneof![4 => Just(String::new()), 1 => path];
    let file = (path, file_name()).prop_map(|(path, name)| path + &name);
    let texts = (document_name(), option::of(text()), file, option::of(media_type()));
    (id(), id(), id(), texts)
        .prop_map(|(organization, patient, class, (name, description, file_name, media_type))| {
            DocumentFields {
                organization: Some(organization),
                patient: Some(patient),
                class: Some(class),
                name: Some(name),
                description,
                file_name: Some(file_name),
                media_type,
            }
        })
        .boxed()
}

impl DocumentFields {
    fn into_builder(self) -> NewDocumentBuilder {
        type Setter = fn(NewDocumentBuilder, String) -> NewDocumentBuilder;
        let texts: [(Setter, Option<String>); 4] = [
            (NewDocumentBuilder::name, self.name),
            (NewDocumentBuilder::description, self.description),
            (NewDocumentBuilder::file_name, self.file_name),
            (NewDocumentBuilder::media_type, self.media_type),
        ];
        let mut builder = NewDocument::builder();
        for (set, text) in texts {
            if let Some(text) = text {
                builder = set(builder, text);
            }
        }
        if let Some(organization) = self.organization {
            builder = builder.organization(organization);
        }
        if let Some(patient) = self.patient {
            builder = builder.patient(patient);
        }
        if let Some(class) = self.class {
            builder = builder.class(class);
        }
        builder
    }
}
