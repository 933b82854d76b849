//! Requests to any endpoint, and resources that the spec does not contain.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::cell::Cell;

use carium::{ErrorKind, ListOptions, Method, RequestBuilder, RetryClass};
use futures_util::TryStreamExt as _;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use support::http_service::{HttpService, Reply};
use support::log::Log;
use support::{Behavior, Service};
use url::Url;

const PATH: &str = "/caredb/v1/org-care-teams/";
const TOKEN: &str = r#"{"access-token": "canary-token"}"#;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct CareTeam {
    name: String,
    size: Option<u32>,
}

#[tokio::test(start_paused = true)]
async fn retry_class_follows_the_method_or_the_caller() {
    let lost_then_ok = || Service::script([Behavior::Lost, Behavior::body(json!({"data": {"id": "1"}}))]);
    for (method, class, attempts) in [
        (Method::GET, None, 2),
        (Method::PUT, None, 2),
        (Method::PATCH, None, 2),
        (Method::DELETE, None, 2),
        (Method::POST, None, 1),
        (Method::POST, Some(RetryClass::Idempotent), 2),
        (Method::GET, Some(RetryClass::Create), 1),
    ] {
        let service = lost_then_ok();
        let client = service.client();
        let request = client.request(method.clone(), PATH);
        let request = class.into_iter().fold(request, RequestBuilder::retry_class);
        let result = request.send().await;
        assert_eq!(service.count("request"), attempts, "{method} {class:?}");
        match result {
            Ok(response) => assert_eq!(response.attempts(), 2, "{method} {class:?}"),
            Err(error) => assert!(error.may_have_been_applied(), "{method} {class:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_requests_are_not_sent_and_list_every_problem() {
    let service = Service::script([Behavior::body(json!({}))]);
    let client = service.client();
    let request = client
        .request(Method::GET, "https://evil.example/canary")
        .header("Authorization", "Bearer canary")
        .header("Cookie", "canary")
        .header("canary name", "x")
        .header("Content-Length", "7");
    assert!(!format!("{request:?}").contains("Bearer"));
    let error = request.send().await.unwrap_err();
    assert_eq!((error.kind(), error.problems().len()), (ErrorKind::InvalidInput, 5), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    for error in [
        client.request(Method::GET, "/a/{id}/").send().await.unwrap_err(),
        client.request(Method::GET, "/a/{id}/").path_param("id", "..").send().await.unwrap_err(),
        client.request(Method::GET, "/a/").path_param("id", "1").send().await.unwrap_err(),
        client.request(Method::GET, "/a/").header("x-a", "b\r\nc: d").send().await.unwrap_err(),
        client.request(Method::GET, "a").items::<Value>(ListOptions::default()).try_next().await.unwrap_err(),
        client.request(Method::TRACE, "/a/").send().await.unwrap_err(),
        client.request(Method::CONNECT, "/a/").send().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn requests_stay_below_the_base_url() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let service = Service::script([Behavior::body(json!({}))]);
    let client = service.client();
    let segment = "\\{id\\}|v1|teams|[0-9a-fA-F-]{1,8}|[/\\\\.@:?#{}%é ]{1,3}|(%2[ef]){1,2}";
    let path = vec(segment, 1..5).prop_map(|segments| segments.join("/"));
    let values = ("/{0,2}", path, "/?", "[/\\\\.@:?#{}é ]{0,3}(%2e)?[a-z]{0,2}");
    let sent = Cell::new(0);
    let result = TestRunner::new(Config { cases: 2000, failure_persistence: None, ..Config::default() }).run(
        &values,
        |(start, path, end, value)| {
            let path = format!("{start}{path}{end}");
            let request = client.request(Method::GET, &path);
            let request = if path.contains("{id}") { request.path_param("id", &value) } else { request };
            if runtime.block_on(request.send()).is_err() {
                return Ok(());
            }
            sent.set(sent.get() + 1);
            let uri = service.requests().pop().unwrap().uri;
            let relative = uri.strip_prefix("https://api.example.com/").unwrap();
            // The URL is in its normal form, so no HTTP client resolves it to another path.
            prop_assert_eq!(Url::parse(&uri).map(String::from), Ok(uri.clone()));
            prop_assert!(!relative.contains(['?', '#', '\\']), "{}", relative);
            prop_assert_eq!(
                relative.split('/').count() + 1,
                path.split('/').count(),
                "the value is one segment"
            );
            Ok(())
        },
    );
    result.unwrap();
    assert!(sent.get() > 100, "only {} paths were valid", sent.get());
}

#[tokio::test(start_paused = true)]
async fn list_sets_the_parameters_of_paging_itself() {
    // With two values of `page[limit]`, a page of the smaller size would look like the last one.
    let service = Service::script([Behavior::body(json!({"data": [{"id": "1"}]}))]);
    let client = service.client();
    let request = client.request(Method::GET, PATH).query("page[limit]", 1);
    let error = request.items::<Value>(ListOptions::default()).try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let resource = client.resource::<Value>(PATH).query("page[offset]", 1);
    let error = resource.list(ListOptions::default()).try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(service.requests().len(), 0);
    // A single page can be requested.
    client.request(Method::GET, PATH).query("page[limit]", 1).send().await.unwrap();
}

mod fuzz {
    use super::*;

    /// A page whose link is any text, followed by a page without a link.
    async fn follow(link: &str) -> Vec<String> {
        let page = |next: Value| Behavior::body(json!({"data": [{"id": "1"}], "links": {"next": next}}));
        let service = Service::script([page(json!(link)), page(Value::Null)]);
        let request = service.client().request(Method::GET, PATH);
        let items = request.items::<Value>(ListOptions::default());
        let _ = items.try_collect::<Vec<_>>().await;
        service.requests_for("request").into_iter().map(|request| request.uri).collect()
    }

    proptest! {
        #[test]
        fn any_link_stays_on_the_origin_of_the_api(
            link in prop_oneof![
                any::<String>(),
                "(https?:|//|api\\.example\\.com|evil\\.example|[/\\\\@?#:%. \t]|page\\[number\\]=|\\.\\.|[a-z0-9é]){0,14}",
                "https://api\\.example\\.com[@:.]?[a-z0-9.]{0,5}/{0,2}[a-z?=&#%]{0,8}",
            ],
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let uris = runtime.block_on(follow(&link));
            prop_assert!((1..=2).contains(&uris.len()), "{:?}", uris);
            for uri in uris {
                let url = Url::parse(&uri).unwrap();
                prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("api.example.com"), None));
                prop_assert!(url.username().is_empty() && url.password().is_none());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn link_is_relative_to_the_page_that_has_it() {
    let page = |id: &str, next: Value| Behavior::body(json!({"data": [{"id": id}], "links": {"next": next}}));
    let script = [
        page("1", json!("?page[number]=2")),
        page("2", json!("more/?page[number]=3")),
        page("3", json!("?page[number]=4")),
        page("4", Value::Null),
    ];
    let service = Service::script(script);
    let client = service.client();
    let list = |options| {
        let path = "/caredb/v1/teams/{id}/members/";
        client.request(Method::GET, path).path_param("id", "7 8").items::<Value>(options)
    };
    let mut pages = list(ListOptions::default().prefetch(0)).pages();
    let first = pages.try_next().await.unwrap().unwrap();
    let second = pages.try_next().await.unwrap().unwrap();
    // A stored cursor continues the list.
    let stored = serde_json::to_string(&second.next.unwrap()).unwrap();
    let rest = list(ListOptions::default().start_at(serde_json::from_str(&stored).unwrap()));
    let rest: Vec<_> = rest.try_collect().await.unwrap();
    let ids: Vec<_> = first.items.iter().chain(&second.items).chain(&rest).map(|item| &item["id"]).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    let base = "https://api.example.com/caredb/v1/teams/7%208/members/";
    let uris: Vec<_> = service.requests_for("request").into_iter().map(|request| request.uri).collect();
    let relative: Vec<_> = uris.iter().map(|uri| uri.strip_prefix(base).unwrap_or(uri)).collect();
    let expected =
        ["?page%5Blimit%5D=100", "?page[number]=2", "more/?page[number]=3", "more/?page[number]=4"];
    assert_eq!(relative, expected);
}

#[tokio::test]
async fn values_of_a_request_reach_the_service_and_no_log() {
    let log = Log::capture_all();
    let service = HttpService::start(|path| match path {
        path if path.contains("login") => Reply::json(200, TOKEN),
        path if path.contains("fail") => Reply::json(404, r#"{"errors": [{"detail": "canary-detail"}]}"#),
        _ => Reply::with(201, "application/json", &[("X-Request-Id", "request-7")], r#"{"canary": 1}"#),
    })
    .await;
    let client = service.builder().build().unwrap();
    let request = |path: &str| {
        let request =
            client.request(Method::POST, path).path_param("id", "canary/id").query("a[b]", "canary&q");
        let request = request.header("X-Team", "canary-header").header("Accept", "application/json");
        request.header("X-Team", "second").json(&json!({"name": "canary-body"}))
    };
    let response = request("/caredb/v1/2097e072-canary/teams/{id}/").send().await.unwrap();
    assert_eq!((response.status(), response.request_id()), (201, Some("request-7")));
    assert_eq!(response.json::<Value>().unwrap()["canary"], 1);
    let undecodable = response.json::<Vec<String>>().unwrap_err();
    assert!(undecodable.may_have_been_applied());
    let error = request("/caredb/v1/fail/{id}/").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("POST /caredb/v1/fail/{id}/: "), "{error}");
    let head = service.heads().into_iter().find(|head| head.contains("teams")).unwrap();
    let line = "POST /caredb/v1/2097e072-canary/teams/canary%2Fid/?a%5Bb%5D=canary%26q HTTP/1.1";
    assert!(head.starts_with(line), "{head}");
    assert!(head.contains("x-team: canary-header") && head.contains("authorization: Bearer canary-token"));
    let values_of = |name: &str| {
        let values = head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.collect::<Vec<_>>()
    };
    assert_eq!(
        (values_of("accept"), values_of("content-type")),
        (vec!["application/json"], vec!["application/json"])
    );
    assert_eq!(values_of("x-team"), ["canary-header", "second"]);
    let texts = [
        format!("{response:?} {undecodable:?} {undecodable} {error:?} {error:#?} {error}"),
        format!("{:?}", request("/a/{id}/")),
        log.text(),
    ];
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(log.text().contains("/caredb/v1/{id2}/teams/{id}/"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn resource_has_the_shape_of_the_vendors_sdk() {
    let team = json!({"id": "7", "type": "org-care-teams", "attributes": {"name": "A", "size": 2}});
    let service = Service::script([Behavior::body(json!({"data": team}))]);
    let client = service.client();
    let teams = client.resource::<CareTeam>(PATH);
    assert_eq!(teams.create(&CareTeam { name: "A".to_owned(), size: None }).await.unwrap(), "7");
    let expected = CareTeam { name: "A".to_owned(), size: Some(2) };
    assert_eq!(teams.get("7").await.unwrap().attributes, expected);
    let updated = teams.update("7", &json!({"name": "A"})).await.unwrap().unwrap();
    assert_eq!((updated.attributes, updated.resource_type.as_deref()), (expected, Some("org-care-teams")));
    teams.delete("7").await.unwrap();
    teams.action(Method::POST, "7", "archive").send().await.unwrap();
    let requests = service.requests_for("request");
    let paths: Vec<_> =
        requests.iter().map(|request| request.uri.rsplit_once("org-care-teams").unwrap().1).collect();
    assert_eq!(paths, ["/", "/7/", "/7/", "/7/", "/7/archive/"]);
    let body = |index: usize| serde_json::from_slice::<Value>(&requests[index].body).unwrap();
    let attributes = json!({"name": "A", "size": null});
    assert_eq!(body(0), json!({"data": {"type": "org-care-teams", "attributes": attributes}}));
    let update = json!({"id": "7", "type": "org-care-teams", "attributes": {"name": "A"}});
    assert_eq!(body(2), json!({"data": update}));
}

#[tokio::test(start_paused = true)]
async fn resource_reports_unclear_and_odd_responses() {
    let respond =
        |status: u16, body: Value| Service::script([Behavior::Respond(status, Vec::new(), body)]).client();
    let teams = |status, body| respond(status, body).resource::<CareTeam>(PATH);
    for id in [json!({}), json!({"id": 7}), json!({"id": ""}), Value::Null] {
        let error = teams(201, json!({"data": id})).create(&json!({})).await.unwrap_err();
        assert!(error.may_have_been_applied(), "{id}");
    }
    for body in [Value::Null, json!({})] {
        let error = teams(201, body.clone()).create(&json!({})).await.unwrap_err();
        assert!(error.may_have_been_applied(), "{body}");
    }
    for body in [Value::Null, json!({}), json!({"meta": {}})] {
        assert_eq!(teams(200, body.clone()).update("7", &json!({})).await.unwrap(), None, "{body}");
    }
    let odd = json!({"id": "7", "attributes": {"name": {"canary": 1}}});
    for error in [
        teams(200, json!({"data": odd})).get("7").await.unwrap_err(),
        teams(200, json!({"data": odd})).update("7", &json!({})).await.unwrap_err(),
        teams(200, json!({"data": [odd]})).list(ListOptions::default()).try_next().await.unwrap_err(),
        teams(200, json!({"data": null})).list(ListOptions::default()).try_next().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Undecodable);
        assert!(!format!("{error} {error:?} {error:#?}").contains("canary"), "{error:?}");
    }
    // An item without attributes, and a list with any items.
    let bare = respond(200, json!({"data": [{"id": "7"}, {"id": "8", "attributes": null}]}));
    let items: Vec<_> =
        bare.resource::<Value>(PATH).list(ListOptions::default()).try_collect().await.unwrap();
    assert_eq!(items[1].attributes, json!({}));
}

#[tokio::test(start_paused = true)]
async fn deletion_that_is_retried_accepts_404() {
    let service = Service::script([Behavior::Lost, Behavior::status(404)]);
    service.client().resource::<Value>(PATH).delete("7").await.unwrap();
    let service = Service::script([Behavior::status(404)]);
    let error = service.client().resource::<Value>(PATH).delete("7").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
