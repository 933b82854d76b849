//! Strategies for documents, and for queries that list them.

use std::mem;
use std::num::NonZeroU64;

use carium::documents::{DocumentClassId, DocumentQuery, IndividualId, NewDocumentBuilder, OrganizationId};
use carium::{ListOptions, NewDocument, PageCursor};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::inputs::{Defects, Invalid, SetIfSome as _, debug, expect_valid};
use super::values::{document_name, file_name, id, media_type, one_of, text};

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
    let defects = Defects::of(fields(), debug)
        .with("organization-id", "missing", |fields| fields.organization = None)
        .with("individual-id", "missing", |fields| fields.patient = None)
        .with("class-id", "missing", |fields| fields.class = None)
        .with("name", "missing", |fields| fields.name = None)
        .with_value("name", "blank", blank(), |fields, name| fields.name = Some(name));
    file_defects(defects).any().prop_map(|invalid| invalid.map(DocumentFields::into_builder)).boxed()
}

fn file_defects(defects: Defects<DocumentFields>) -> Defects<DocumentFields> {
    let set = |fields: &mut DocumentFields, file_name| fields.file_name = Some(file_name);
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
        .with("attachment-filename", "missing", |fields| fields.file_name = None)
        .with_value("attachment-filename", "blank", blank(), set)
        .with_value("attachment-filename", "a path without a name", path, set)
        .with_value("attachment-filename", "a NUL character", file_name(), move |fields, name| {
            let stem: String = name.chars().take(3).collect();
            set(fields, format!("{stem}\0.pdf"));
        })
        .with_value("attachment-content-type", "malformed", malformed, |fields, media_type| {
            fields.media_type = Some(media_type);
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
        NewDocument::builder()
            .set_if_some(self.organization, NewDocumentBuilder::organization)
            .set_if_some(self.patient, NewDocumentBuilder::patient)
            .set_if_some(self.class, NewDocumentBuilder::class)
            .set_if_some(self.name, NewDocumentBuilder::name)
            .set_if_some(self.description, NewDocumentBuilder::description)
            .set_if_some(self.file_name, NewDocumentBuilder::file_name)
            .set_if_some(self.media_type, NewDocumentBuilder::media_type)
    }
}

/// Generates list options: the start, the page size and the prefetch.
pub fn list_options() -> impl Strategy<Value = ListOptions> + Clone {
    let size = (1..=500_u64).prop_filter_map("zero", NonZeroU64::new);
    (option::of(0..2_000_u64), option::of(size), option::of(0..5_usize))
        .prop_map(|(offset, size, prefetch)| {
            let cursor = offset.map_or_else(PageCursor::first, PageCursor::offset);
            let options = ListOptions::default().start_at(cursor);
            options.set_if_some(size, ListOptions::page_size).set_if_some(prefetch, ListOptions::prefetch)
        })
        .boxed()
}

/// Generates document queries with any combination of filters, including extra filters.
pub fn document_query() -> impl Strategy<Value = DocumentQuery> + Clone {
    let name = one_of(&["name", "description", "attachment-filename", "created-after", "größe"]);
    // Three filters of 60 characters stay far below the maximum length of a URL.
    let extra = prop_oneof![3 => Just(Vec::new()), 1 => vec((name, text()), 1..=3)];
    let ids = (option::of(id()), option::of(id()), option::of(id()));
    (ids, extra, list_options())
        .prop_map(|((organization, patient, class), extra, options)| {
            let query = DocumentQuery::default()
                .options(options)
                .set_if_some(organization, DocumentQuery::organization)
                .set_if_some(patient, DocumentQuery::patient)
                .set_if_some(class, DocumentQuery::class);
            extra.into_iter().fold(query, |query, (name, value)| query.filter(name, value))
        })
        .boxed()
}

/// Generates queries that are invalid for exactly one reason.
///
/// A query is validated when it is sent: the first item of [`Documents::list`](carium::Documents::list) is an error
/// that names `filter` and no other field.
///
/// | field | defects |
/// | --- | --- |
/// | `filter` | a reserved name; an empty name; a name with brackets; too long |
pub fn invalid_document_query() -> impl Strategy<Value = Invalid<DocumentQuery>> + Clone {
    let add_filter = |query: &mut DocumentQuery, name: &str, value: String| {
        *query = mem::take(query).filter(name, value);
    };
    let set_name = move |query: &mut DocumentQuery, name: String| add_filter(query, &name, "a".to_owned());
    let brackets = one_of(&["[", "]", "filter[name]", "name]&page[number", "name]"]);
    Defects::of(document_query(), debug)
        .with_value("filter", "a reserved name", one_of(&["class-id", "individual-id"]), set_name)
        .with_value("filter", "an empty name", text(), move |query, value| add_filter(query, "", value))
        .with_value("filter", "a name with brackets", brackets, set_name)
        .with_value("filter", "too long", 4_096_usize..6_000, move |query, length| {
            add_filter(query, "name", "a".repeat(length));
        })
        .any()
        .boxed()
}
