//! Strategies for list options and document queries.

use std::num::NonZeroU64;

use carium::documents::DocumentQuery;
use carium::{ListOptions, PageCursor};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::ids::id;
use super::invalid::{Defects, Invalid};
use super::strings::one_of;
use super::text::text;

/// Generates list options: the first page and the page size.
pub fn list_options() -> impl Strategy<Value = ListOptions> + Clone {
    let number = |max| (1..=max).prop_filter_map("zero", NonZeroU64::new);
    (option::of(number(20_u64)), option::of(number(500_u64)))
        .prop_map(|(page, size)| {
            let cursor = page.map_or_else(PageCursor::first, PageCursor::number);
            let options = ListOptions::default().start_at(cursor);
            size.into_iter().fold(options, ListOptions::page_size)
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
            let mut query = DocumentQuery::default().options(options);
            if let Some(organization) = organization {
                query = query.organization(organization);
            }
            if let Some(patient) = patient {
                query = query.patient(patient);
            }
            if let Some(class) = class {
                query = query.class(class);
            }
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
    let set_name = |query: DocumentQuery, name: String| query.filter(name, "a");
    let brackets = one_of(&["[", "]", "filter[name]", "name]&page[number", "name]"]);
    Defects::of(document_query())
        .with_value("filter", "a reserved name", one_of(&["class-id", "individual-id"]), set_name)
        .with_value("filter", "an empty name", text(), |query, value| query.filter("", value))
        .with_value("filter", "a name with brackets", brackets, set_name)
        .with_value("filter", "too long", 4_096_usize..6_000, |query, length| {
            query.filter("name", "a".repeat(length))
        })
        .any()
        .boxed()
}
