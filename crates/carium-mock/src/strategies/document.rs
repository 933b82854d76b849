//! Documents.

use carium::NewDocument;
use carium::documents::{DocumentClassId, IndividualId, NewDocumentBuilder, OrganizationId};
use proptest::option;
use proptest::prelude::*;

use super::built;
use super::files::{file_name, media_type};
use super::ids::id;
use super::invalid::{Invalid, Ways};
use super::text::{document_name, text};
use super::words::one_of;

/// A document that can be filed: its media type given or left to the name of its file.
pub fn new_document() -> impl Strategy<Value = NewDocument> + Clone {
    new_document_builder().prop_map(|builder| built(builder.build()))
}

/// What [`new_document`] is built of, for those who put something of their own in. Some names of files have a
/// path before them, which the document has not.
pub fn new_document_builder() -> impl Strategy<Value = NewDocumentBuilder> + Clone {
    parts().prop_map(Parts::into_builder).boxed()
}

/// A document that is described wrongly in one way. [`NewDocumentBuilder::build`] names that field and no other.
///
/// | field | ways |
/// | --- | --- |
/// | `organization-id`, `individual-id`, `class-id` | missing |
/// | `name` | missing; blank |
/// | `attachment-filename` | missing; blank; nothing but a path; with a NUL |
/// | `attachment-content-type` | no media type |
pub fn invalid_document() -> impl Strategy<Value = Invalid<NewDocumentBuilder>> + Clone {
    let ways = Ways::of(parts())
        .by("organization-id", "missing", |parts| Parts { organization: None, ..parts })
        .by("individual-id", "missing", |parts| Parts { patient: None, ..parts })
        .by("class-id", "missing", |parts| Parts { class: None, ..parts })
        .by("name", "missing", |parts| Parts { name: None, ..parts })
        .with("name", "blank", blank(), |parts, name| Parts { name: Some(name), ..parts });
    files(ways).any().prop_map(|invalid| invalid.map(Parts::into_builder)).boxed()
}

fn files(ways: Ways<Parts>) -> Ways<Parts> {
    let set = |parts, file_name| Parts { file_name: Some(file_name), ..parts };
    let path =
        one_of(&["/", "letters/", r"C:\scans\", ".", "..", "letters/..", r"..\.", "letters/ ", "/a/b/c/"]);
    let no_type = one_of(&[
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
    ways.by("attachment-filename", "missing", |parts| Parts { file_name: None, ..parts })
        .with("attachment-filename", "blank", blank(), set)
        .with("attachment-filename", "nothing but a path", path, set)
        .with("attachment-filename", "with a NUL", file_name(), move |parts, name| {
            let stem: String = name.chars().take(3).collect();
            set(parts, format!("{stem}\0.pdf"))
        })
        .with("attachment-content-type", "no media type", no_type, |parts, media_type| Parts {
            media_type: Some(media_type),
            ..parts
        })
}

fn blank() -> impl Strategy<Value = String> {
    one_of(&["", " ", "\t", "\n", "   ", "\u{a0}", "\u{3000}"])
}

/// What a builder can be given, to be changed before it is.
#[derive(Clone, Debug)]
struct Parts {
    organization: Option<OrganizationId>,
    patient: Option<IndividualId>,
    class: Option<DocumentClassId>,
    name: Option<String>,
    description: Option<String>,
    file_name: Option<String>,
    media_type: Option<String>,
}

fn parts() -> impl Strategy<Value = Parts> + Clone {
    let path = one_of(&["scans/", "/srv/scans/2024/", r"C:\scans\", "../", "~/Überweisungen/"]);
    // Without a path four times of five, and without one in the end.
    let path = prop_oneof![4 => Just(String::new()), 1 => path];
    let file = (path, file_name()).prop_map(|(path, name)| path + &name);
    let texts = (document_name(), option::of(text()), file, option::of(media_type()));
    (id(), id(), id(), texts)
        .prop_map(|(organization, patient, class, (name, description, file_name, media_type))| Parts {
            organization: Some(organization),
            patient: Some(patient),
            class: Some(class),
            name: Some(name),
            description,
            file_name: Some(file_name),
            media_type,
        })
        .boxed()
}

impl Parts {
    fn into_builder(self) -> NewDocumentBuilder {
        type Set = fn(NewDocumentBuilder, String) -> NewDocumentBuilder;
        let texts: [(Set, Option<String>); 4] = [
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
