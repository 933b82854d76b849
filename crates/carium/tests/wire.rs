//! Malformed, truncated, oversized and slow responses cause an error of the right kind in time, and the token
//! is sent to the API's origin only.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::time::{Duration, Instant};

use carium::api::operations;
use carium::{Carium, ErrorKind};
use support::http_service::{HttpService, Reply};
use support::{Behavior, Service, call};

const TOKEN: &str = r#"{"access-token": "canary-token"}"#;

/// The reply to a login, or `reply` to all other requests.
fn login_or(path: &str, reply: &Reply) -> Reply {
    if path.contains("login") { Reply::json(200, TOKEN) } else { reply.clone() }
}

fn invalid_responses() -> Vec<(&'static str, Reply, ErrorKind)> {
    use ErrorKind::{Rejected, TimedOut, Unavailable, Undecodable};
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.api+json\r\n";
    let raw = |rest: &str| format!("{head}{rest}").into_bytes();
    let html = "<html>canary</html>";
    vec![
        ("truncated body", Reply::Bytes(raw("content-length: 1000\r\n\r\n{\"data\"")), Unavailable),
        ("truncated headers", Reply::Bytes(b"HTTP/1.1 200 OK\r\ncont".to_vec()), Unavailable),
        ("truncated chunk", Reply::Bytes(raw("transfer-encoding: chunked\r\n\r\nff\r\n{")), Unavailable),
        ("not HTTP", Reply::Bytes(b"220 smtp.example.com ESMTP\r\n".to_vec()), Unavailable),
        ("no bytes", Reply::Bytes(Vec::new()), Unavailable),
        ("empty body", Reply::json(200, ""), Undecodable),
        ("wrong type", Reply::json(200, r#"{"data": {"id": 7}}"#), Undecodable),
        ("not JSON", Reply::with(200, "text/html", &[], html), Undecodable),
        ("proxy error page", Reply::with(503, "text/html", &[], html), Unavailable),
        ("invalid error document", Reply::json(422, r#"{"errors": "canary"}"#), Rejected),
        ("unexpected status", Reply::json(299, "{}"), Undecodable),
        ("large content-length", Reply::Stall(raw("content-length: 99999999999\r\n\r\n")), Undecodable),
        ("large body", Reply::json(200, &" ".repeat(2 * 1024 * 1024)), Undecodable),
        ("no response", Reply::Stall(Vec::new()), TimedOut),
        ("stalled body", Reply::Stall(raw("content-length: 1000\r\n\r\n{")), TimedOut),
        ("slow body", Reply::Drip(raw("content-length: 1000\r\n\r\n"), Duration::from_millis(50)), TimedOut),
    ]
}

#[tokio::test]
async fn invalid_responses_cause_the_right_error_kind_in_time() {
    for (name, reply, kind) in invalid_responses() {
        for operation in ["get_appointment", "create_patient"] {
            let reply = reply.clone();
            let service = HttpService::start(move |path| login_or(path, &reply)).await;
            let client =
                service.builder().max_response_bytes(1024 * 1024).call_timeout(Duration::from_millis(700));
            let start = Instant::now();
            let error = call(&client.build().unwrap(), operation).await.unwrap_err();
            assert!(start.elapsed() < Duration::from_secs(5), "{name}: {:?}", start.elapsed());
            assert_eq!(error.kind(), kind, "{name} {operation}: {error:?}");
            assert!(!format!("{error} {error:?} {error:#?}").contains("canary"), "{name}");
            let is_not_applied = ["proxy error page", "invalid error document"].contains(&name);
            let expected = operation == "create_patient" && !is_not_applied;
            assert_eq!(error.may_have_been_applied(), expected, "{name} {operation}: {error}");
        }
    }
}

#[tokio::test]
async fn responses_up_to_the_size_limit_are_read() {
    let body = format!(r#"{{"data": {{"id": "{}"}}}}"#, support::ID);
    let chunks = body.chars().map(|letter| format!("1\r\n{letter}\r\n")).collect::<Vec<_>>().concat();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    for reply in [Reply::json(200, &body), Reply::Bytes(chunked.into_bytes())] {
        let service = HttpService::start(move |path| login_or(path, &reply)).await;
        let client = |limit| service.builder().max_response_bytes(limit).build().unwrap();
        assert!(call(&client(body.len()), "get_appointment").await.is_ok());
        let error = call(&client(body.len() - 1), "get_appointment").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable);
    }
}

#[tokio::test]
async fn large_error_responses_are_classified_by_status() {
    for (status, kind) in [(503, ErrorKind::Unavailable), (422, ErrorKind::Rejected)] {
        let page = Reply::with(status, "text/html", &[], &"canary".repeat(1_000));
        let service = HttpService::start(move |path| login_or(path, &page)).await;
        let client = service.builder().max_response_bytes(1024).build().unwrap();
        let error = call(&client, "create_patient").await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        assert!(!error.may_have_been_applied());
    }
}

#[tokio::test]
async fn connection_failure_means_that_nothing_was_sent() {
    let service = HttpService::start(|path| login_or(path, &Reply::Bytes(Vec::new()))).await;
    // No server listens on the port after the listener is dropped.
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let client = service.builder().base_url(format!("http://127.0.0.1:{port}")).build().unwrap();
    let error = call(&client, "create_patient").await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unavailable, Some("login")));
    assert!(!error.may_have_been_applied());
    let result = carium::api::ClientCaredbExt::get_appointment(client.api()).id(support::ID).send().await;
    assert!(!format!("{:?}", result.unwrap_err()).contains(support::ID));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other_origin = HttpService::start(|_| Reply::json(200, "{}")).await;
    let target = format!("{}/caredb/v1/org-practitioners/", other_origin.url);
    for status in [301, 302, 303, 307, 308] {
        let target = target.clone();
        let service = HttpService::start(move |path| {
            login_or(path, &Reply::with(status, "text/html", &[("location", &target)], ""))
        })
        .await;
        // A redirect policy of a custom HTTP client is overridden.
        let http_client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::limited(5));
        let client = service.builder().http_client(http_client).build().unwrap();
        let error = call(&client, "get_appointment").await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Undecodable, Some(status)));
        assert_eq!(error.attempts(), 1);
    }
    assert!(other_origin.heads().is_empty());
}

#[tokio::test]
async fn requests_to_another_origin_are_refused_and_not_retried() {
    let mut operation = operations::LIST_PRACTITIONERS.clone();
    // After the base URL, the host of the base URL becomes the user name of another host.
    operation.path = "@evil.example/".into();
    let service = Service::script([Behavior::success("list_practitioners")]);
    let error = service.client().operation(&operation).send().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidInput, 0), "{error}");
    assert!(!error.is_transient() && !error.may_have_been_applied());
    assert!(!support::log::all_output(&error).contains("evil"));
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn sends_the_token_with_every_call_except_login() {
    let service = HttpService::start(|path| login_or(path, &Reply::json(200, r#"{"data": []}"#))).await;
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
fn rejects_unsafe_base_urls_and_lists_all_invalid_settings() {
    let credentials = || carium::Credentials::new("username", "password").unwrap();
    for url in
        ["https://me:canary@example.com", "http://api.carium.com", "https://example.com?canary", "canary"]
    {
        let error = Carium::builder().base_url(url).credentials(credentials()).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.problems()[0].field(), Some("base-url"));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    let plain = Carium::builder().base_url("http://test.example.com").dangerously_allow_plain_http();
    assert!(plain.credentials(credentials()).build().is_ok());
    let error =
        Carium::builder().base_url("x").max_concurrency(0).token_lifetime(Duration::from_secs(7200)).build();
    assert_eq!(error.unwrap_err().problems().len(), 4, "all problems are listed");
}

#[tokio::test]
async fn page_of_html_is_not_a_success_of_an_operation_without_a_result() {
    for operation in ["resend_invitation", "process_upload", "delete_appointment"] {
        for (media_type, is_success) in
            [("text/html; charset=utf-8", false), ("Text/HTML", false), ("text/plain", true)]
        {
            let reply = Reply::with(200, media_type, &[], "<html>canary: please sign in</html>");
            let service = HttpService::start(move |path| login_or(path, &reply)).await;
            let result = call(&service.builder().build().unwrap(), operation).await;
            assert_eq!(result.is_ok(), is_success, "{operation} {media_type}: {result:?}");
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Undecodable, "{operation}: {error:?}");
                assert!(error.may_have_been_applied() && !error.to_string().contains("canary"), "{error}");
            }
        }
    }
}
