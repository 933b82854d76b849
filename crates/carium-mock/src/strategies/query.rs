//! Lists, and which documents to list.

use std::num::NonZeroU64;

use carium::documents::DocumentQuery;
use carium::{ListOptions, PageCursor};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::ids::id;
use super::invalid::{Invalid, Ways};
use super::text::text;
use super::words::one_of;

/// Where a list begins, and how much of it a page holds.
pub fn list_options() -> impl Strategy<Value = ListOptions> + Clone {
    let number = |most| (1..=most).prop_filter_map("zero", NonZeroU64::new);
    (option::of(number(20_u64)), option::of(number(500_u64)))
        .prop_map(|(page, size)| {
            let from = page.map_or_else(PageCursor::first, PageCursor::number);
            let options = ListOptions::default().start_at(from);
            size.into_iter().fold(options, ListOptions::page_size)
        })
        .boxed()
}

/// Which documents to list: any of the filters, further ones too.
pub fn document_query() -> impl Strategy<Value = DocumentQuery> + Clone {
    let name = one_of(&["name", "description", "attachment-filename", "created-after", "größe"]);
    // With three at the most, of 60 characters, they stay far below what a URL takes.
    let further = prop_oneof![3 => Just(Vec::new()), 1 => vec((name, text()), 1..=3)];
    let ids = (option::of(id()), option::of(id()), option::of(id()));
    (ids, further, list_options())
        .prop_map(|((organization, patient, class), further, options)| {
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
            further.into_iter().fold(query, |query, (name, value)| query.filter(name, value))
        })
        .boxed()
}

/// A query that is wrong in one way. A query is judged when it is sent: the first item of
/// [`Documents::list`](carium::Documents::list) is an error that names `filter` and no other field.
///
/// | field | ways |
/// | --- | --- |
/// | `filter` | with a method of its own; without a name; named with brackets; too long |
pub fn invalid_document_query() -> impl Strategy<Value = Invalid<DocumentQuery>> + Clone {
    let filter = |query: DocumentQuery, name: String| query.filter(name, "a");
    let brackets = one_of(&["[", "]", "filter[name]", "name]&page[number", "name]"]);
    Ways::of(document_query())
        .with("filter", "with a method of its own", one_of(&["class-id", "individual-id"]), filter)
        .with("filter", "without a name", text(), |query, value| query.filter("", value))
        .with("filter", "named with brackets", brackets, filter)
        .with("filter", "too long", 4_096_usize..6_000, |query, length| {
            query.filter("name", "a".repeat(length))
        })
        .any()
        .boxed()
}
