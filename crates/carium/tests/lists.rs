//! Paginated lists: they are complete or end with an error.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use carium::documents::DocumentQuery;
use carium::{Carium, Error, ErrorKind, Items, ListOptions, Method, Page, PageCursor};
use futures_util::{StreamExt as _, TryStreamExt as _};
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use support::paged_service::{PagedService, Paging, id};
use support::{Behavior, Service};
use tokio::time::sleep;

/// A page of practitioners whose IDs follow from their names, which have at most six letters.
fn body(names: &[&str], members: Value) -> Behavior {
    let item = |name: &&str| {
        let id = name.bytes().fold(String::new(), |id, byte| format!("{id}{byte:02x}"));
        json!({"id": format!("00000000-0000-4000-8000-{id:0>12}"), "attributes": {"name": name}})
    };
    let mut body = members;
    body["data"] = names.iter().map(item).collect();
    Behavior::body(body)
}

fn page(names: &[&str], next: impl Into<Value>) -> Behavior {
    body(names, json!({"links": {"next": next.into()}}))
}

/// A page that states the number of all items.
fn page_of(total: impl Into<Value>, names: &[&str]) -> Behavior {
    body(names, json!({"meta": {"page[total]": total.into()}}))
}

fn page_size(items: u64) -> ListOptions {
    ListOptions::default().page_size(NonZeroU64::new(items).unwrap())
}

/// The queries of the requests for practitioners, without the organization.
fn queries(service: &Service) -> Vec<String> {
    let organization = format!("organization-id={}&", support::ORGANIZATION);
    let queries = service.requests_for("list_practitioners").into_iter().map(|request| {
        let query = request.uri.split_once('?').unwrap().1.replace("%5B", "[").replace("%5D", "]");
        query.replace(&organization, "")
    });
    queries.collect()
}

/// Reads a list of practitioners. Returns the names and the error that ended the list.
async fn names(service: &Arc<Service>, options: ListOptions) -> (Vec<String>, Option<Error>) {
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
    assert_eq!(uris[0], format!("{base}?organization-id={}&page%5Blimit%5D=100", support::ORGANIZATION));
    assert_eq!(uris[1..], [2, 3, 4].map(|number| format!("{base}?page[number]={number}")));
}

#[tokio::test(start_paused = true)]
async fn cyclic_page_links_are_an_error() {
    let first = format!("?organization-id={}&page[limit]=100", support::ORGANIZATION);
    for script in [
        vec![page(&["a"], first.clone())],
        vec![page(&["a"], format!("{first}#fragment"))],
        vec![page(&["a"], "?page[number]=2"), page(&["b"], "?page%5Bnumber%5D=2#fragment")],
        vec![page(&["a"], "?a=1&b=2"), page(&["b"], "?page[number]=3"), page(&["c"], "?b=2&a=1")],
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
async fn sends_limit_and_offset() {
    let service = Service::script([page_of(0, &[])]);
    for options in [
        ListOptions::default(),
        ListOptions::default().start_at(PageCursor::offset(0)),
        page_size(2).start_at(PageCursor::offset(2)),
    ] {
        assert_eq!(names(&service, options).await.0, [""; 0]);
    }
    assert_eq!(queries(&service), ["page[limit]=100", "page[limit]=100", "page[limit]=2&page[offset]=2"]);
}

/// A response script, the page size, the names that are returned, the queries that are sent, and whether the list ends
/// with an error.
struct Case {
    script: Vec<Behavior>,
    page_size: u64,
    names: &'static str,
    queries: &'static [&'static str],
    error: Option<&'static str>,
}

#[tokio::test(start_paused = true)]
async fn list_is_complete_or_ends_with_an_error() {
    let neither = |names: &[&str]| body(names, json!({}));
    let ok = |script, page_size, names, queries| Case { script, page_size, names, queries, error: None };
    let failed = |script, page_size, names, queries, error| Case {
        error: Some(error),
        ..ok(script, page_size, names, queries)
    };
    let first_two: &[_] = &["page[limit]=2", "page[limit]=2&page[offset]=2"];
    let first_three: &[_] =
        &["page[limit]=2", "page[limit]=2&page[offset]=2", "page[limit]=2&page[offset]=4"];
    let cases = [
        // The offset advances by the number of items that were received.
        ok(vec![page_of(3, &["a", "b"]), page_of(3, &["c"])], 2, "abc", first_two),
        ok(vec![page_of(2, &["a", "b"])], 2, "ab", &["page[limit]=2"]),
        ok(
            vec![page_of(3, &["a", "b"]), page_of(3, &["c"])],
            9,
            "abc",
            &["page[limit]=9", "page[limit]=9&page[offset]=2"],
        ),
        // More items than requested.
        ok(
            vec![page_of(3, &["a", "b"]), page_of(3, &["c"])],
            1,
            "abc",
            &["page[limit]=1", "page[limit]=1&page[offset]=2"],
        ),
        // The latest total counts.
        ok(vec![page_of(9, &["a", "b"]), page_of(4, &["c", "d"])], 2, "abcd", first_two),
        ok(vec![page_of(9, &["a", "b"]), page_of(2, &[])], 2, "ab", first_two),
        ok(
            vec![page_of(3, &["a", "b"]), page_of(5, &["c", "d"]), page_of(5, &["e"])],
            2,
            "abcde",
            first_three,
        ),
        ok(
            vec![page_of(5, &["a", "b"]), neither(&["c"]), page_of(4, &["d"])],
            2,
            "abcd",
            &["page[limit]=2", "page[limit]=2&page[offset]=2", "page[limit]=2&page[offset]=3"],
        ),
        // Neither a total nor links.
        ok(vec![neither(&["a", "b"]), neither(&["c"])], 2, "abc", first_two),
        ok(vec![neither(&["a", "b"]), neither(&[])], 2, "ab", first_two),
        ok(vec![neither(&["a"])], 2, "a", &["page[limit]=2"]),
        ok(vec![body(&["a", "b"], json!({"links": {"self": "?a=1"}})), neither(&[])], 2, "ab", first_two),
        // The last page of a list with links can have as many items as requested.
        ok(vec![page(&["a", "b"], Value::Null)], 2, "ab", &["page[limit]=2"]),
        ok(
            vec![page(&["a", "b"], json!({"href": "?x=2"})), body(&["c", "d"], json!({"links": {}}))],
            2,
            "abcd",
            &["page[limit]=2", "x=2"],
        ),
        // A total counts although the list has links.
        ok(
            vec![
                page(&["a", "b"], "?x=2"),
                body(&["c"], json!({"links": {"next": null}, "meta": {"page[total]": 4}})),
                page_of(4, &["d"]),
            ],
            2,
            "abcd",
            &["page[limit]=2", "x=2", "page[limit]=2&page[offset]=3"],
        ),
        // Errors.
        failed(vec![page_of(3, &["a", "b"]), page_of(3, &[])], 2, "ab", first_two, "an empty page"),
        failed(vec![page_of(3, &["a", "b"]), neither(&[])], 2, "ab", first_two, "an empty page"),
        failed(vec![page_of(1, &[])], 2, "", &["page[limit]=2"], "an empty page"),
        failed(vec![page_of(4, &["a", "b"]), page_of(4, &["a", "b"])], 2, "ab", first_two, "twice"),
        failed(vec![neither(&["a", "b"]), neither(&["a", "b"])], 2, "ab", first_two, "twice"),
        failed(vec![page(&["a"], "?x=2"), page(&["a"], "?x=3")], 2, "a", &["page[limit]=2", "x=2"], "twice"),
        failed(vec![page_of(-1, &["a", "b"])], 2, "ab", &["page[limit]=2"], "not a number or is negative"),
        failed(vec![page_of("45", &["a", "b"])], 2, "ab", &["page[limit]=2"], "not a number or is negative"),
        failed(vec![page(&["a"], json!({"href": 1}))], 2, "a", &["page[limit]=2"], "not a string"),
    ];
    for (index, case) in cases.into_iter().enumerate() {
        for prefetch in [0, 1] {
            let service = Service::script(case.script.clone());
            let (names, error) = names(&service, page_size(case.page_size).prefetch(prefetch)).await;
            assert_eq!(names.concat(), case.names, "case {index}");
            assert_eq!(queries(&service), case.queries, "case {index}");
            match (error, case.error) {
                (None, None) => {}
                (Some(error), Some(expected)) => {
                    assert_eq!(error.kind(), ErrorKind::Undecodable);
                    assert_eq!(error.operation(), Some("list_practitioners"));
                    assert!(error.to_string().contains(expected), "case {index}: {error}");
                }
                (error, _) => panic!("case {index}: {error:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn resumes_a_list_after_an_empty_or_repeated_page() {
    for bad_page in [page_of(3, &[]), page_of(3, &["a", "b"])] {
        let service = Service::script([page_of(3, &["a", "b"]), bad_page, page_of(3, &["c"])]);
        let error = names(&service, page_size(2)).await.1.unwrap();
        assert_eq!(error.page_cursor(), Some(&PageCursor::offset(2)));
        let rest = page_size(2).start_at(error.page_cursor().unwrap().clone());
        let (rest, error) = names(&service, rest).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(rest, ["c"]);
    }
}

#[tokio::test(start_paused = true)]
async fn next_page_is_requested_while_a_page_is_consumed() {
    let wait = || sleep(Duration::from_secs(1));
    for (prefetch, expected) in [(0, [0, 1, 1, 2, 2]), (1, [0, 2, 2, 3, 3]), (2, [0, 3, 3, 3, 3])] {
        let service = Service::new(|request, _| match request.uri.as_str() {
            _ if request.operation == "login" => Behavior::token("token"),
            uri if uri.contains("offset%5D=2") => page_of(5, &["c", "d"]),
            uri if uri.contains("offset%5D=4") => page_of(5, &["e"]),
            _ => page_of(5, &["a", "b"]),
        });
        let client = service.client();
        let mut items = client.appointments().practitioners(page_size(2).prefetch(prefetch));
        let mut counts = Vec::new();
        for _ in 0..4 {
            wait().await;
            counts.push(service.count("list_practitioners"));
            items.try_next().await.unwrap();
        }
        wait().await;
        counts.push(service.count("list_practitioners"));
        assert_eq!(counts, expected, "prefetch {prefetch}");
        assert_eq!(items.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn error_of_a_page_is_returned_after_the_items_before_it() {
    // The third page fails before the second one is received.
    let service = Service::new(|request, _| match request.uri.as_str() {
        _ if request.operation == "login" => Behavior::token("token"),
        uri if uri.contains("offset%5D=2") => {
            Behavior::Later(Duration::from_secs(1), Box::new(page_of(9, &["c", "d"])))
        }
        uri if uri.contains("offset%5D=4") => Behavior::status(403),
        _ => page_of(9, &["a", "b"]),
    });
    let (names, error) = names(&service, page_size(2).prefetch(4)).await;
    let error = error.unwrap();
    assert_eq!((names.concat().as_str(), error.kind()), ("abcd", ErrorKind::Forbidden));
    assert_eq!(error.page_cursor(), Some(&PageCursor::offset(4)));
}

const LISTS: [&str; 9] = [
    "organizations",
    "groups",
    "documents",
    "classes",
    "practitioners",
    "statuses",
    "types",
    "resource",
    "request",
];

/// A path that the spec does not contain.
const PATH: &str = "/caredb/v1/org-care-teams/";

/// The IDs of the items of a list.
fn list(client: &Carium, name: &str, options: ListOptions) -> Items<String> {
    let (appointments, documents) = (client.appointments(), client.documents());
    let organizations = client.organizations();
    match name {
        "organizations" => organizations.list(options).map_items(|item| item.id.to_string()),
        "groups" => organizations.groups(None, options).map_items(|item| item.id.to_string()),
        "documents" => {
            let query = DocumentQuery::default().options(options);
            documents.list(query).map_items(|item| item.id.to_string())
        }
        "classes" => documents.classes(options).map_items(|item| item.id.to_string()),
        "practitioners" => appointments.practitioners(options).map_items(|item| item.id.to_string()),
        "statuses" => appointments.statuses(options).map_items(|item| item.id.to_string()),
        "types" => appointments.types(options).map_items(|item| item.id.to_string()),
        "resource" => client.resource::<Value>(PATH).list(options).map_items(|item| item.id),
        _ => {
            let items = client.request(Method::GET, PATH).query("a", "b").items::<Value>(options);
            items.map_items(|item| item["id"].as_str().unwrap().to_owned())
        }
    }
}

fn options(page_size: usize, prefetch: usize) -> ListOptions {
    let page_size = NonZeroU64::new(page_size.try_into().unwrap()).unwrap();
    ListOptions::default().page_size(page_size).prefetch(prefetch)
}

#[tokio::test(start_paused = true)]
async fn every_list_is_complete_however_it_is_paged() {
    let unlimited = usize::MAX;
    for (paging, max_page_size) in [
        (Paging::Total, unlimited),
        (Paging::Total, 20),
        (Paging::Links, unlimited),
        (Paging::Links, 20),
        (Paging::LinkObjects, unlimited),
        (Paging::Neither, unlimited),
    ] {
        for name in LISTS {
            for page_size in [1, 7, 20, 100] {
                for total in [0, 1, 100, 101] {
                    let service = Arc::new(PagedService::new(paging, total, max_page_size));
                    let client = service.client(8);
                    let ids: Vec<_> = list(&client, name, options(page_size, 1)).try_collect().await.unwrap();
                    let case = format!("{paging:?}, {max_page_size}, {name}, {page_size}, {total}");
                    assert_eq!(ids, (0..total).map(id).collect::<Vec<_>>(), "{case}");
                    // Without paging information, a full page can be the last one.
                    let effective_size = page_size.min(max_page_size);
                    let pages = match paging {
                        Paging::Neither => total / effective_size + 1,
                        _ => total.div_ceil(effective_size).max(1),
                    };
                    assert_eq!(service.requests.load(Ordering::Relaxed), pages, "{case}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pages_have_their_items_position_and_total() {
    for (paging, total) in [(Paging::Total, Some(45)), (Paging::Links, None), (Paging::Neither, None)] {
        for prefetch in [0, 1, 3] {
            let service = Arc::new(PagedService::new(paging, 45, 100));
            let client = service.client(8);
            let pages: Vec<_> =
                list(&client, "types", options(20, prefetch)).pages().try_collect().await.unwrap();
            let sizes: Vec<_> = pages.iter().map(|page| page.items.len()).collect();
            assert_eq!(sizes, [20, 20, 5], "{paging:?}");
            assert!(pages.iter().all(|page| page.total == total), "{paging:?}");
            let is_last: Vec<_> = pages.iter().map(|page| page.next.is_none()).collect();
            assert_eq!(is_last, [false, false, true], "{paging:?}");
            let end = pages[2].end.clone().unwrap();
            assert_eq!(end, PageCursor::offset(45), "{paging:?}");
            // A stored cursor continues the list.
            let stored = serde_json::to_string(&pages[0].next).unwrap();
            let next: PageCursor = serde_json::from_str(&stored).unwrap();
            assert_eq!(next.may_contain_phi(), paging == Paging::Links);
            assert!(!format!("{next:?}").contains("limit"));
            let rest = list(&client, "types", options(20, prefetch).start_at(next));
            let rest: Vec<_> = rest.try_collect().await.unwrap();
            assert_eq!(rest, (20..45).map(id).collect::<Vec<_>>(), "{paging:?}");
            // A later run starts at the end of this one, and finds only what was added since.
            assert_eq!(read_from(&client, &end).await, Vec::<String>::new(), "{paging:?}");
            service.items.lock().unwrap().extend([45, 46]);
            assert_eq!(read_from(&client, &end).await, [id(45), id(46)], "{paging:?}");
        }
    }
}

async fn read_from(client: &Carium, start: &PageCursor) -> Vec<String> {
    list(client, "types", options(20, 1).start_at(start.clone())).try_collect().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn items_of_a_page_that_were_read_are_not_in_its_pages() {
    let service = Arc::new(PagedService::new(Paging::Total, 25, 100));
    let client = service.client(8);
    let mut items = list(&client, "types", options(10, 1));
    for index in 0..3 {
        assert_eq!(items.try_next().await.unwrap(), Some(id(index)));
    }
    let pages: Vec<_> = items.pages().try_collect().await.unwrap();
    assert_eq!(pages.concat_items(), (3..25).map(id).collect::<Vec<_>>());
    assert_eq!(pages[0].next, Some(PageCursor::offset(10)));
}

trait ConcatItems {
    fn concat_items(&self) -> Vec<String>;
}

impl ConcatItems for Vec<Page<String>> {
    fn concat_items(&self) -> Vec<String> {
        self.iter().flat_map(|page| page.items.clone()).collect()
    }
}

#[tokio::test]
async fn lists_of_other_implementations_have_pages_too() {
    let error = || Err(Error::new(ErrorKind::Forbidden, "denied"));
    let list = || Items::from_items(futures_util::stream::iter([Ok("a"), Ok("b"), error()]));
    let pages: Vec<_> = list().pages().collect().await;
    let [Ok(page), Err(error)] = pages.as_slice() else { panic!("{pages:?}") };
    assert_eq!((page.items.as_slice(), &page.next, page.total), (&["a", "b"][..], &None, None));
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    let numbers: Vec<_> = list().map_items(str::len).collect().await;
    assert!(matches!(numbers.as_slice(), [Ok(1), Ok(1), Err(_)]));
}

#[test]
fn cursors_are_serialized_as_positions() {
    let offset = PageCursor::offset(7);
    assert_eq!(serde_json::to_value(&offset).unwrap(), json!({"offset": 7}));
    for invalid in [json!(7), json!({}), json!({"offset": -1}), json!({"offset": 1, "link": 2}), json!(null)]
    {
        assert!(serde_json::from_value::<PageCursor>(invalid.clone()).is_err(), "{invalid}");
    }
}

#[tokio::test(start_paused = true)]
async fn stored_link_is_followed_on_the_origin_of_the_api_only() {
    let service = Arc::new(PagedService::new(Paging::Total, 25, 100));
    let client = service.client(8);
    for link in ["https://evil.example/", "//evil.example/"] {
        let cursor = json!({"operation": "list_appointment_types", "link": link, "offset": 0});
        let cursor: PageCursor = serde_json::from_value(cursor).unwrap();
        let error = list(&client, "types", options(20, 1).start_at(cursor)).try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{link}");
    }
    assert_eq!(service.requests.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn pages_are_requested_concurrently() {
    for (prefetch, in_flight, milliseconds) in [(0, 1, 1000), (1, 1, 1000), (4, 4, 400)] {
        let service = PagedService { delays: vec![(100, 0)], ..PagedService::new(Paging::Total, 100, 10) };
        let service = Arc::new(service);
        let client = service.client(8);
        let start = tokio::time::Instant::now();
        let ids: Vec<_> = list(&client, "types", options(10, prefetch)).try_collect().await.unwrap();
        assert_eq!(ids, (0..100).map(id).collect::<Vec<_>>());
        assert_eq!(service.max_in_flight.load(Ordering::Relaxed), in_flight);
        assert_eq!(start.elapsed(), Duration::from_millis(milliseconds), "prefetch {prefetch}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_stops_requests() {
    let service = PagedService { delays: vec![(100, 0)], ..PagedService::new(Paging::Total, 100, 10) };
    let service = Arc::new(service);
    let client = service.client(8);
    let mut items = list(&client, "types", options(10, 3));
    items.try_next().await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert_eq!(service.in_flight.load(Ordering::Relaxed), 3);
    drop(items);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(service.in_flight.load(Ordering::Relaxed), 0);
    assert_eq!(service.requests.load(Ordering::Relaxed), 4);
    assert_eq!(service.responses.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn prefetch_does_not_block_other_calls() {
    let service = PagedService { delays: vec![(100, 0)], ..PagedService::new(Paging::Total, 10, 10) };
    let service = Arc::new(service);
    let client = service.client(1);
    let mut items = list(&client, "types", options(2, 3));
    let mut count = 0;
    while items.try_next().await.unwrap().is_some() {
        client.appointments().get(id(0).parse().unwrap()).await.unwrap();
        count += 1;
    }
    assert_eq!(count, 10);
}

/// A service that changes, and the options of a list.
#[derive(Clone, Debug)]
struct Scenario {
    paging: Paging,
    total: usize,
    page_size: usize,
    max_page_size: usize,
    prefetch: usize,
    insertions: HashMap<usize, Vec<usize>>,
    delays: Vec<(u64, u64)>,
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let paging =
        select(vec![Paging::Total, Paging::Total, Paging::Links, Paging::LinkObjects, Paging::Neither]);
    // Most insertions are at the start, because they move all other items.
    let place = prop_oneof![2 => Just(0_usize), 1 => 0..=1000_usize];
    let insertions = prop_oneof![Just(HashMap::new()), hash_map(0..20_usize, vec(place, 1..3), 1..6)];
    let sizes = (0..60_usize, 1..20_usize, 1..20_usize, 0..5_usize);
    let delays = vec((0..5_u64, 0..5_u64), 1..30);
    (paging, sizes, insertions, delays).prop_map(|(paging, sizes, insertions, delays)| {
        let (total, page_size, max_page_size, prefetch) = sizes;
        // Without paging information, the client cannot know that the service limits the page size.
        let max_page_size =
            if paging == Paging::Neither { max_page_size.max(page_size) } else { max_page_size };
        Scenario { paging, total, page_size, max_page_size, prefetch, insertions, delays }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_item_is_missing_from_a_list_that_grows(scenario in scenarios()) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(scenario));
    }
}

async fn check(scenario: Scenario) {
    let Scenario { paging, total, page_size, max_page_size, prefetch, insertions, delays } = scenario;
    let changes = !insertions.is_empty();
    let service =
        Arc::new(PagedService { insertions, delays, ..PagedService::new(paging, total, max_page_size) });
    let client = service.client(8);
    let mut ids = Vec::new();
    let mut error: Option<Error> = None;
    let mut items = list(&client, "documents", options(page_size, prefetch));
    while let Some(item) = items.next().await {
        match item {
            Ok(item) => ids.push(item),
            Err(failed) => error = Some(failed),
        }
    }
    assert!(service.max_in_flight.load(Ordering::Relaxed) <= prefetch.max(1));
    let original: Vec<_> = (0..total).map(id).collect();
    if let Some(error) = error {
        // An insertion of as many items as a page has repeats the page.
        assert!(changes && error.kind() == ErrorKind::Undecodable, "{error:?}");
        assert!(error.page_cursor().is_some());
        return;
    }
    if !changes {
        assert_eq!(ids, original);
        return;
    }
    let known: Vec<_> = service.items.lock().unwrap().iter().copied().map(id).collect();
    assert!(ids.iter().all(|id| known.contains(id)));
    // Each item that existed throughout is returned, and their order is kept. Some are returned twice.
    let mut first_occurrences = Vec::new();
    for id in ids {
        if original.contains(&id) && !first_occurrences.contains(&id) {
            first_occurrences.push(id);
        }
    }
    assert_eq!(first_occurrences, original);
}
