//! Options of single calls, interceptors, spans, dropped calls and credential providers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium::api::http::{HeaderMap, HeaderValue, Request, Response};
use carium::api::{Operation, Transport, TransportError};
use carium::documents::{DocumentQuery, UploadSource};
use carium::onboarding::{MemoryLedger, OnboardingRow, RowKey};
use carium::{
    AttemptInfo, Carium, CredentialProvider, Credentials, Error, ErrorKind, Interceptor, ListOptions,
    ResponseRecorder, RetryPolicy, SignIn,
};
use futures_util::TryStreamExt as _;
use serde_json::json;
use support::http_service::{HttpService, Reply};
use support::log::Log;
use support::{Behavior, ID, Service, call, document, patient};
use tokio::time::{Instant, timeout};

/// Records the attempts as text, and adds headers.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Interceptor for Recorder {
    fn before_attempt(&self, _operation: &Operation, headers: &mut HeaderMap) {
        assert!(!headers.contains_key("authorization"));
        for name in ["authorization", "cookie", "host", "x-team"] {
            headers.insert(name, HeaderValue::from_static("intercepted"));
        }
    }

    fn after_attempt(&self, attempt: &AttemptInfo<'_>) {
        let AttemptInfo { operation, attempt, status, error_type, duration, will_retry, delay, .. } = attempt;
        let result = status.map_or_else(|| error_type.unwrap().to_owned(), |status| status.to_string());
        let retry = if *will_retry { format!(", retry in {delay:?}") } else { String::new() };
        self.0.lock().unwrap().push(format!("{operation} {attempt}: {result} in {duration:?}{retry}"));
    }
}

#[tokio::test(start_paused = true)]
async fn options_apply_to_the_calls_of_the_view_only() {
    let silent = Service::script([Behavior::Silent]);
    let client = silent.client();
    client.sign_in().await.unwrap();
    let seconds = async |client: &Carium| {
        let start = Instant::now();
        call(client, "get_appointment").await.unwrap_err();
        start.elapsed().as_secs()
    };
    let short = client.with(|options| options.call_timeout(Duration::from_secs(3))).unwrap();
    assert_eq!(seconds(&short).await, 3);
    let once =
        client.with(|options| options.max_attempts(1).attempt_timeout(Duration::from_secs(7))).unwrap();
    assert_eq!(seconds(&once).await, 7);
    // A view of a view keeps the other options.
    let both = once.with(|options| options.attempt_timeout(Duration::from_secs(5))).unwrap();
    assert_eq!(seconds(&both).await, 5);
    assert_eq!(seconds(&client).await, 60);
    // All of them share the session.
    assert_eq!(silent.count("login"), 1);
}

/// Values that other languages write into JSON, although they are not valid there.
const INVALID_VALUES: [&[u8]; 5] = [br#""\ud83d""#, b"NaN", b"1e999", b"\"J\xfcrgen\"", b"\"a\tb\""];

fn reply_with(status: u16, parts: &[&[u8]]) -> Reply {
    let body = parts.concat();
    let head =
        format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    Reply::Bytes([head.as_bytes(), &body].concat())
}

#[tokio::test]
async fn an_invalid_value_in_a_response_does_not_lose_an_id_or_a_page() {
    for value in INVALID_VALUES {
        let service = HttpService::start(move |path| match path {
            path if path.contains("login") => Reply::json(200, r#"{"access-token": "token"}"#),
            path if path.contains("patients") => reply_with(
                201,
                &[
                    b"\xef\xbb\xbf{\"data\": {\"id\": \"",
                    ID.as_bytes(),
                    b"\", \"type\": \"patients\", \"attributes\": {\"first-name\": ",
                    value,
                    b"}}}",
                ],
            ),
            _ => reply_with(
                200,
                &[
                    b"{\"data\": [{\"id\": \"",
                    ID.as_bytes(),
                    b"\", \"attributes\": {\"name\": \"Letter\", \"description\": ",
                    value,
                    b"}}]}",
                ],
            ),
        })
        .await;
        let client = service.builder().build().unwrap();
        assert_eq!(client.patients().create(patient()).await.unwrap().to_string(), ID);
        let documents = client.documents().list(DocumentQuery::default());
        let documents: Vec<_> = documents.try_collect().await.unwrap();
        assert_eq!(documents.len(), 1, "{}", String::from_utf8_lossy(value));
        assert_eq!(documents[0].name.as_deref(), Some("Letter"));
        assert_eq!(documents[0].description, None);
    }
}

#[tokio::test(start_paused = true)]
async fn view_can_have_another_organization_and_other_attempts() {
    let service = Service::script([Behavior::status(503), Behavior::status(503), Behavior::success("list")]);
    let client = service.client();
    let other = client.with(|options| options.organization(ID.parse().unwrap()).max_attempts(2)).unwrap();
    assert_eq!(other.organization().map(|id| id.to_string()).as_deref(), Some(ID));
    let error = other.documents().classes(ListOptions::default()).try_next().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 2));
    assert!(service.requests_for("list_document_classes")[0].uri.contains(ID));
}

#[tokio::test]
async fn headers_and_metadata_of_a_view() {
    let service = HttpService::start(|path| match path {
        path if path.contains("login") => Reply::json(200, r#"{"access-token": "canary-token"}"#),
        path if path.contains("org-appointments") => {
            let headers = [("x-request-id", "request-7"), ("set-cookie", "canary"), ("x-canary", "canary")];
            Reply::with(200, "application/json", &headers, &json!({"data": {"id": ID}}).to_string())
        }
        _ => Reply::with(422, "application/json", &[("x-request-id", "request-8")], "{}"),
    })
    .await;
    let client = service.builder().build().unwrap();
    let recorder = ResponseRecorder::default();
    assert!(recorder.last().is_none());
    let view =
        client.with(|options| options.header("X-Request-Id", "caller-1").record_response(&recorder)).unwrap();
    call(&view, "get_appointment").await.unwrap();
    let last = recorder.last().unwrap();
    assert_eq!((last.operation, last.status, last.attempts), ("get_appointment", 200, 1));
    assert_eq!(last.request_id.as_deref(), Some("request-7"));
    assert!(last.headers.contains_key("x-canary") && !last.headers.contains_key("set-cookie"));
    assert!(!format!("{recorder:?} {last:?} {view:?}").contains("canary"));
    // An error has the metadata too.
    let error = view.patients().create(patient()).await.unwrap_err();
    let last = recorder.last().unwrap();
    assert_eq!((last.status, last.request_id.as_deref()), (422, error.request_id()));
    call(&client, "get_appointment").await.unwrap();
    let heads = service.heads();
    let has_header: Vec<_> = heads.iter().map(|head| head.contains("x-request-id: caller-1")).collect();
    assert_eq!(has_header, [false, true, true, false], "{heads:?}");
    for (name, value) in
        [("Authorization", "Bearer canary"), ("Cookie", "canary"), ("a b", "canary"), ("a", "\n")]
    {
        let error = client.with(|options| options.header(name, value)).unwrap_err();
        assert_eq!((error.kind(), error.problems().len()), (ErrorKind::InvalidInput, 1), "{name}");
        assert!(!format!("{error:#?}").contains("canary"));
    }
}

#[tokio::test(start_paused = true)]
async fn interceptor_sees_every_attempt() {
    let recorder = Arc::new(Recorder::default());
    let service = Service::script([
        Behavior::status(503).with_header("retry-after", "7"),
        Behavior::Later(Duration::from_secs(2), Box::new(Behavior::Lost)),
        Behavior::status(401),
        Behavior::success("get"),
    ]);
    let client = service.builder().random(|| 0.0).interceptor(Arc::clone(&recorder)).build().unwrap();
    call(&client, "get_appointment").await.unwrap();
    assert_eq!(
        recorder.take(),
        [
            "login 1: 200 in 0ns",
            "get_appointment 1: 503 in 0ns, retry in 7s",
            "get_appointment 2: lost in 2s, retry in 0ns",
            "login 1: 200 in 0ns",
            // An attempt is reported once it is known that another follows.
            "get_appointment 3: 401 in 0ns, retry in 0ns",
            "get_appointment 4: 200 in 0ns",
        ]
    );
    let service = Service::script([Behavior::Silent]);
    let client = service.builder().interceptor(Arc::clone(&recorder)).call_timeout(Duration::from_secs(30));
    let client = client.random(|| 0.0).build().unwrap();
    call(&client, "get_appointment").await.unwrap_err();
    timeout(Duration::from_secs(3), call(&client, "create_patient")).await.unwrap_err();
    assert_eq!(
        recorder.take(),
        [
            "login 1: 200 in 0ns",
            "get_appointment 1: timeout in 20s, retry in 0ns",
            "get_appointment 2: deadline in 10s",
            "create_patient 1: dropped in 3s",
        ]
    );
}

#[tokio::test]
async fn interceptor_adds_headers_but_no_credentials() {
    let service = HttpService::start(|path| match path {
        path if path.contains("login") => Reply::json(200, r#"{"access-token": "real-token"}"#),
        _ => Reply::json(200, &json!({"data": {"id": ID}}).to_string()),
    })
    .await;
    let client = service.builder().interceptor(Recorder::default()).build().unwrap();
    call(&client, "get_appointment").await.unwrap();
    let heads = service.heads();
    assert!(heads.iter().all(|head| head.contains("x-team: intercepted")), "{heads:?}");
    assert!(heads[1].contains("authorization: Bearer real-token"), "{heads:?}");
    for text in ["authorization: intercepted", "cookie:", "host: intercepted"] {
        assert!(!heads.concat().contains(text), "{heads:?}");
    }
}

/// A transport that counts the requests.
struct Counting(Arc<dyn Transport>, Arc<AtomicUsize>);

#[async_trait]
impl Transport for Counting {
    async fn send(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.send(operation, request).await
    }
}

#[tokio::test]
async fn wrapped_default_transport_still_knows_what_was_sent() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    // Nothing listens on this port.
    let client = Carium::builder()
        .base_url("http://127.0.0.1:9")
        .credential_provider(Arc::new(StaticToken))
        .retry_policy(RetryPolicy::default().max_attempts(3).backoff(Duration::ZERO, Duration::ZERO))
        .wrap_transport(move |inner| Arc::new(Counting(inner, counter)))
        .build()
        .unwrap();
    let error = client.patients().create(patient()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 3), "{error:#?}");
    assert!(!error.may_have_been_applied());
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

struct StaticToken;

#[async_trait]
impl CredentialProvider for StaticToken {
    async fn sign_in(&self) -> Result<SignIn, Error> {
        Ok(SignIn::Token { token: "token".to_owned().into(), lifetime: Some(Duration::from_secs(600)) })
    }
}

/// Changes the password, or the token, at each sign-in.
struct Vault {
    calls: AtomicUsize,
    issues_tokens: bool,
}

#[async_trait]
impl CredentialProvider for Vault {
    async fn sign_in(&self) -> Result<SignIn, Error> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.issues_tokens {
            let lifetime = Some(Duration::from_secs(100));
            return Ok(SignIn::Token { token: format!("vault-{number}").into(), lifetime });
        }
        Credentials::new("username", format!("password-{number}")).map(SignIn::Credentials)
    }
}

#[tokio::test(start_paused = true)]
async fn provider_is_asked_at_each_sign_in() {
    for issues_tokens in [false, true] {
        let vault = Arc::new(Vault { calls: AtomicUsize::new(0), issues_tokens });
        let service = Service::script([Behavior::success("get")]);
        let client = service.builder().credential_provider(Arc::clone(&vault));
        let client = client.token_lifetime(Duration::from_secs(100)).build().unwrap();
        for _ in 0..3 {
            call(&client, "get_appointment").await.unwrap();
            call(&client, "get_appointment").await.unwrap();
            tokio::time::sleep(Duration::from_secs(101)).await;
        }
        assert_eq!(vault.calls.load(Ordering::Relaxed), 3);
        let passwords = service.requests_for("login").into_iter().map(|request| {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            body["password"].as_str().unwrap().to_owned()
        });
        let expected = if issues_tokens { vec![] } else { vec!["password-0", "password-1", "password-2"] };
        assert_eq!(passwords.collect::<Vec<_>>(), expected);
        let token = service.requests_for("get_appointment")[0].token.clone().unwrap();
        assert_eq!(token.ends_with("vault-0"), issues_tokens, "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_fail_with_the_error_of_the_provider() {
    struct Failing;

    #[async_trait]
    impl CredentialProvider for Failing {
        async fn sign_in(&self) -> Result<SignIn, Error> {
            Err(Error::new(ErrorKind::Unavailable, "the vault cannot be reached"))
        }
    }

    struct Slow;

    #[async_trait]
    impl CredentialProvider for Slow {
        async fn sign_in(&self) -> Result<SignIn, Error> {
            std::future::pending().await
        }
    }

    let service = Service::script([Behavior::success("get")]);
    let client = service.builder().credential_provider(Failing).build().unwrap();
    let error = call(&client, "create_patient").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("the vault cannot be reached") && !error.may_have_been_applied());
    let client = service.builder().credential_provider(Slow).call_timeout(Duration::from_secs(600));
    let error = call(&client.build().unwrap(), "get_appointment").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn debug_of_an_error_is_its_sentence() {
    let error = Error::new(ErrorKind::Conflict, "the username is taken").with_status(409);
    assert_eq!(format!("{error:?}"), error.to_string());
    let boxed: Box<dyn std::error::Error> = error.into();
    assert_eq!(format!("{boxed:?}"), "the username is taken (status 409)");
    assert!(format!("{boxed:#?}").contains("kind: Conflict"));
}

#[tokio::test(start_paused = true)]
async fn spans_of_calls_have_the_documented_fields() {
    let retried = Behavior::status(503).with_header("retry-after", "7");
    for (operation, steps, expected) in [
        ("get_appointment", vec![retried.clone(), Behavior::success("get_appointment")], "200 1 - - 7000"),
        ("get_appointment", vec![Behavior::status(404)], "404 0 404 - 0"),
        ("get_appointment", vec![Behavior::Lost], "- 0 lost - 0"),
        ("update_appointment", vec![Behavior::Lost], "- 0 lost unknown 0"),
        ("create_patient", vec![Behavior::Lost], "- 0 lost unknown 0"),
        ("create_patient", vec![retried, Behavior::status(422)], "422 1 422 - 7000"),
        ("create_patient", vec![Behavior::Lost, Behavior::success("create_patient")], "- 0 lost unknown 0"),
    ] {
        let service = Service::script(steps.clone());
        let policy = RetryPolicy::default().max_attempts(u32::try_from(steps.len()).unwrap());
        let client = service.builder().retry_policy(policy).build().unwrap();
        client.sign_in().await.unwrap();
        let (log, guard) = Log::capture_thread();
        drop(call(&client, operation).await);
        drop(guard);
        let text = log.text();
        let line = text.lines().find(|line| line.ends_with(" close")).unwrap();
        let field = |name: &str| {
            let value =
                line.split([' ', '{', '}']).find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            value.unwrap_or("-").trim_matches('"')
        };
        let names = [
            "http.response.status_code",
            "http.request.resend_count",
            "error.type",
            "carium.outcome",
            "duration_ms",
        ];
        assert_eq!(names.map(field).join(" "), expected, "{operation}: {steps:?}");
        assert_eq!(field("carium.operation"), operation);
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_calls_are_reported() {
    let log = Log::capture_all();
    let wait = Duration::from_secs(3);
    let warning = "the call was dropped after its request may have been sent";
    let lines = |text: &str| log.text().lines().filter(|line| line.contains(text)).count();
    let silent = Service::script([Behavior::Silent]);
    let client = silent.client();
    client.sign_in().await.unwrap();
    for (operation, expected) in
        [("create_patient", 1), ("create_appointment", 1), ("update_appointment", 0), ("get_appointment", 0)]
    {
        let before = lines(warning);
        timeout(wait, call(&client, operation)).await.unwrap_err();
        assert_eq!(lines(warning) - before, expected, "{operation}");
    }
    assert!(
        log.text().contains(r#"carium.outcome="unknown""#) && log.text().contains(r#"error.type="dropped""#)
    );
    // Nothing was sent: the client waits for a permit, for the token, or for the next attempt.
    let before = lines(warning);
    let busy = silent.builder().max_concurrency(1).build().unwrap();
    let (first, second) = (call(&busy, "get_appointment"), call(&busy, "create_patient"));
    timeout(wait, async { tokio::join!(first, second) }).await.unwrap_err();
    let unavailable = Service::script([Behavior::status(503).with_header("retry-after", "20")]);
    timeout(wait, call(&unavailable.client(), "create_patient")).await.unwrap_err();
    let no_login = Service::new(|_, _| Behavior::Silent);
    timeout(wait, call(&no_login.client(), "create_patient")).await.unwrap_err();
    assert_eq!(lines(warning), before);

    // An upload whose reference was created, and one that was not polled.
    let upload = client.uploads().upload(document(), UploadSource::bytes("file"));
    drop(upload);
    assert_eq!(lines("an upload was dropped"), 0);
    timeout(wait, client.uploads().upload(document(), UploadSource::bytes("file"))).await.unwrap_err();
    assert_eq!(lines("an upload was dropped"), 1);

    let onboarding = client.onboarding(Arc::new(MemoryLedger::default()));
    let row = json!({
        "first-name": "James", "last-name": "Reece", "birth-date": "1980-07-04", "gender": "male",
        "email": "james.reece@example.com", "organization-id": ID,
    });
    let request = serde_json::from_value::<OnboardingRow>(row).unwrap().check().unwrap();
    let row = RowKey::new("row-1");
    timeout(wait, onboarding.run(&row, &request)).await.unwrap_err();
    assert_eq!(lines("the onboarding of a patient was dropped"), 1);
}
