//! Answers that are cut short, mistyped, empty, huge, slow or not JSON: an error of the right kind each time,
//! in time, and the token goes nowhere else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use carium::{Carium, ErrorKind};
use support::call;
use support::http_service::{HttpService, Reply};

const TOKEN: &str = r#"{"access-token": "canary-token"}"#;

fn signed_in(path: &str, reply: &Reply) -> Reply {
    if path.contains("login") { Reply::json(200, TOKEN) } else { reply.clone() }
}

fn odd_answers() -> Vec<(&'static str, Reply, ErrorKind)> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.api+json\r\n";
    let raw = |rest: &str| format!("{head}{rest}").into_bytes();
    let html = "<html>canary</html>";
    vec![
        ("cut short", Reply::Bytes(raw("content-length: 1000\r\n\r\n{\"data\"")), ErrorKind::Unavailable),
        ("cut in the head", Reply::Bytes(b"HTTP/1.1 200 OK\r\ncont".to_vec()), ErrorKind::Unavailable),
        (
            "cut in a chunk",
            Reply::Bytes(raw("transfer-encoding: chunked\r\n\r\nff\r\n{")),
            ErrorKind::Unavailable,
        ),
        ("not HTTP", Reply::Bytes(b"220 smtp.example.com ESMTP\r\n".to_vec()), ErrorKind::Unavailable),
        ("nothing", Reply::Bytes(Vec::new()), ErrorKind::Unavailable),
        ("empty", Reply::json(200, ""), ErrorKind::Undecodable),
        ("mistyped", Reply::json(200, r#"{"data": {"id": 7}}"#), ErrorKind::Undecodable),
        ("not JSON", Reply::with(200, "text/html", &[], html), ErrorKind::Undecodable),
        ("a proxy's page", Reply::with(503, "text/html", &[], html), ErrorKind::Unavailable),
        ("an odd refusal", Reply::json(422, r#"{"errors": "canary"}"#), ErrorKind::Rejected),
        ("a status that is none", Reply::json(299, "{}"), ErrorKind::Undecodable),
        (
            "announced as huge",
            Reply::Stall(raw("content-length: 99999999999\r\n\r\n")),
            ErrorKind::Undecodable,
        ),
        ("huge", Reply::json(200, &" ".repeat(2 * 1024 * 1024)), ErrorKind::Undecodable),
        ("silent", Reply::Stall(Vec::new()), ErrorKind::TimedOut),
        ("stalled", Reply::Stall(raw("content-length: 1000\r\n\r\n{")), ErrorKind::TimedOut),
        (
            "slow",
            Reply::Drip(raw("content-length: 1000\r\n\r\n"), Duration::from_millis(50)),
            ErrorKind::TimedOut,
        ),
    ]
}

#[tokio::test]
async fn odd_answers_are_errors_of_the_right_kind_in_time() {
    for (name, reply, kind) in odd_answers() {
        for operation in ["get_appointment", "create_patient"] {
            let reply = reply.clone();
            let service = HttpService::start(move |path| signed_in(path, &reply)).await;
            let client =
                service.builder().max_response_bytes(1024 * 1024).call_timeout(Duration::from_millis(700));
            let start = Instant::now();
            let error = call(&client.build().unwrap(), operation).await.unwrap_err();
            assert!(start.elapsed() < Duration::from_secs(5), "{name}: {:?}", start.elapsed());
            assert_eq!(error.kind(), kind, "{name} {operation}: {error:?}");
            assert!(!format!("{error} {error:?} {error:#?}").contains("canary"), "{name}");
            let certainly_not_done = ["a proxy's page", "an odd refusal"].contains(&name);
            let expected = operation == "create_patient" && !certainly_not_done;
            assert_eq!(error.may_have_been_applied(), expected, "{name} {operation}: {error}");
        }
    }
}

#[tokio::test]
async fn a_refusal_is_one_by_its_status_however_long_it_is() {
    for (status, kind) in [(503, ErrorKind::Unavailable), (422, ErrorKind::Rejected)] {
        let page = Reply::with(status, "text/html", &[], &"canary".repeat(1_000));
        let service = HttpService::start(move |path| signed_in(path, &page)).await;
        let client = service.builder().max_response_bytes(1024).build().unwrap();
        let error = call(&client, "create_patient").await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        assert!(!error.may_have_been_applied());
    }
}

#[tokio::test]
async fn a_connection_that_was_never_made_was_not_used() {
    let service = HttpService::start(|path| signed_in(path, &Reply::Bytes(Vec::new()))).await;
    // Signed in by a service that is there; then the same client finds nobody listening.
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let client = service.builder().base_url(format!("http://127.0.0.1:{port}")).build().unwrap();
    let error = call(&client, "create_patient").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unavailable, Some("login")));
    assert!(!error.may_have_been_applied());
    let answered = carium::api::ClientCaredbExt::get_appointment(client.api()).id(support::ID).send().await;
    assert!(!format!("{:?}", answered.unwrap_err()).contains(support::ID));
}

#[tokio::test]
async fn a_redirect_takes_the_token_nowhere() {
    let elsewhere = HttpService::start(|_| Reply::json(200, "{}")).await;
    let target = format!("{}/caredb/v1/org-practitioners/", elsewhere.url);
    for status in [301, 302, 303, 307, 308] {
        let target = target.clone();
        let service = HttpService::start(move |path| {
            signed_in(path, &Reply::with(status, "text/html", &[("location", &target)], ""))
        })
        .await;
        // What its owner sets on the HTTP client does not bring redirects back.
        let own = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(5));
        let client = service.builder().http_client(own).build().unwrap();
        let error = call(&client, "get_appointment").await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Undecodable, Some(status)));
        assert_eq!(error.attempts(), 1);
    }
    assert!(elsewhere.heads().is_empty());
}

#[tokio::test]
async fn the_token_is_on_every_call_but_the_login() {
    let service = HttpService::start(|path| signed_in(path, &Reply::json(200, r#"{"data": []}"#))).await;
    let client = service.builder().user_agent("clinic/1.0").build().unwrap();
    call(&client, "list_practitioners").await.unwrap();
    let heads = service.heads();
    assert!(!heads[0].to_lowercase().contains("authorization"));
    assert!(heads[1].contains("authorization: Bearer canary-token"), "{}", heads[1]);
    for head in heads {
        assert!(
            head.contains("accept: application/vnd.api+json") && head.contains("user-agent: clinic/1.0"),
            "{head}"
        );
        assert!(!head.contains("api-version"));
    }
}

#[test]
fn base_urls_that_could_leak_are_refused_by_name() {
    for url in
        ["https://me:canary@example.com", "http://api.carium.com", "https://example.com?canary", "canary"]
    {
        let credentials = carium::Credentials::new("username", "password").unwrap();
        let error = Carium::builder().base_url(url).credentials(credentials).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.problems()[0].field(), Some("base-url"));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    let credentials = carium::Credentials::new("username", "password").unwrap();
    let plain = Carium::builder().base_url("http://test.example.com").dangerously_allow_plain_http();
    assert!(plain.credentials(credentials).build().is_ok());
    let error =
        Carium::builder().base_url("x").max_concurrency(0).token_lifetime(Duration::from_hours(2)).build();
    assert_eq!(error.unwrap_err().problems().len(), 4, "all at once");
}
