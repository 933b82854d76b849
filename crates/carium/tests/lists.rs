//! Paginated lists.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::num::NonZeroU64;

use carium::{Error, ErrorKind, ListOptions, PageCursor};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use support::{Behavior, Service};

fn page(names: &[&str], next: impl Into<Value>) -> Behavior {
    let items: Vec<_> =
        names.iter().map(|name| json!({"id": support::ID, "attributes": {"name": name}})).collect();
    Behavior::body(json!({"data": items, "links": {"next": next.into()}}))
}

/// Reads a list of practitioners. Returns the names and the error that ended the list.
async fn names(service: &std::sync::Arc<Service>, options: ListOptions) -> (Vec<String>, Option<Error>) {
    let mut items = service.client().appointments().practitioners(options);
    let mut names = Vec::new();
    while let Some(item) = items.next().await {
        match item {
            Ok(practitioner) => names.push(practitioner.name.unwrap()),
            Err(error) => {
                assert!(items.next().await.is_none(), "a stream ends after its first error");
                return (names, Some(error));
            }
        }
    }
    (names, None)
}

#[tokio::test(start_paused = true)]
async fn reads_all_pages_including_empty_ones() {
    let base = "https://api.example.com/caredb/v1/org-practitioners/";
    let service = Service::script([
        page(&["a", "b"], json!(format!("{base}?page[number]=2"))),
        page(&[], json!("?page[number]=3")),
        page(&["c"], json!("/caredb/v1/org-practitioners/?page[number]=4")),
        page(&["d"], Value::Null),
    ]);
    let (names, error) = names(&service, ListOptions::default()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(names, ["a", "b", "c", "d"]);
    let uris: Vec<_> = service.requests().into_iter().skip(1).map(|request| request.uri).collect();
    assert_eq!(
        uris[0],
        format!("{base}?organization-id={}", support::ORGANIZATION),
        "the first request has no page parameters"
    );
    assert_eq!(uris[1..], [2, 3, 4].map(|number| format!("{base}?page[number]={number}")));
}

#[tokio::test(start_paused = true)]
async fn fetches_pages_lazily() {
    let service = Service::script([page(&["a", "b"], json!("?page[number]=2")), page(&["c"], Value::Null)]);
    let client = service.client();
    let mut items = client.appointments().practitioners(ListOptions::default());
    assert_eq!(service.count("list_practitioners"), 0);
    items.try_next().await.unwrap();
    items.try_next().await.unwrap();
    assert_eq!(service.count("list_practitioners"), 1);
    items.try_next().await.unwrap();
    assert_eq!(service.count("list_practitioners"), 2);
}

#[tokio::test(start_paused = true)]
async fn cyclic_page_links_are_an_error() {
    let first = format!("?organization-id={}", support::ORGANIZATION);
    for script in [
        vec![page(&["a"], first.clone())],
        vec![page(&["a"], format!("{first}#fragment"))],
        vec![page(&["a"], "?page[number]=2"), page(&["a"], "?page%5Bnumber%5D=2#fragment")],
        vec![page(&["a"], "?a=1&b=2"), page(&["a"], "?page[number]=3"), page(&["a"], "?b=2&a=1")],
    ] {
        let service = Service::script(script);
        let (read, error) = names(&service, ListOptions::default()).await;
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Undecodable);
        assert!(error.page_cursor().is_none(), "every page was read");
        assert_eq!(read.len(), service.count("list_practitioners"), "no page is read twice");
    }
}

#[tokio::test(start_paused = true)]
async fn does_not_follow_links_to_another_origin() {
    for link in [
        "https://example.com/?page=2",
        "http://api.example.com/?page=2",
        "//evil.example/",
        "https://me:pw@api.example.com/",
    ] {
        let service = Service::script([page(&["a"], json!(link))]);
        let (names, error) = names(&service, ListOptions::default()).await;
        assert_eq!(names, ["a"], "the items of the first page are returned");
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Undecodable);
        assert!(!format!("{error} {error:?}").contains(link));
        assert_eq!(service.count("list_practitioners"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn resumes_a_list_from_the_page_that_failed() {
    let service = Service::script([
        page(&["a"], json!("?page[number]=2&token=canary")),
        Behavior::status(403),
        page(&["b"], Value::Null),
    ]);
    let (read, error) = names(&service, ListOptions::default()).await;
    assert_eq!(read, ["a"]);
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    let resume = error.page_cursor().unwrap().clone();
    assert!(!format!("{resume:?}").contains("canary"));
    let client = service.client();
    // The cursor belongs to another list.
    let mut other = client.appointments().statuses(ListOptions::default().start_at(resume.clone()));
    assert_eq!(other.next().await.unwrap().unwrap_err().kind(), ErrorKind::InvalidInput);
    // A cursor is not tied to a client.
    let (read, error) = names(&service, ListOptions::default().start_at(resume)).await;
    assert!(error.is_none());
    assert_eq!(read, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn sends_page_number_and_size_only_if_set() {
    let service = Service::script([page(&[], Value::Null)]);
    let two = NonZeroU64::new(2).unwrap();
    names(&service, ListOptions::default().start_at(PageCursor::number(two)).page_size(two)).await;
    let uri = service.requests()[1].uri.clone();
    assert!(uri.contains("page%5Bnumber%5D=2") && uri.contains("page%5Bsize%5D=2"), "{uri}");
}
