//! What differs from the spec fails the test that owns the sandbox, and says where without saying what.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use carium_mock::{Direction, Sandbox};
use serde_json::{Value, json};

const FIRST: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
const SECOND: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";
/// Stands in every request where a deviation could quote it.
const CANARY: &str = "canary";

/// A client that knows nothing of the contract.
struct Raw {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Raw {
    async fn of(sandbox: &Sandbox) -> Self {
        let mut raw =
            Self { http: reqwest::Client::new(), url: sandbox.url().to_owned(), token: String::new() };
        let account = sandbox.fake().account();
        let login = json!({"username": account.username, "password": account.password});
        let (status, answer) = raw.send("POST", "/identity/v1/login/", Some(login)).await;
        assert_eq!(status, 200);
        answer["access-token"].as_str().unwrap().clone_into(&mut raw.token);
        raw
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.send_as(method, path, body.as_ref().map(|(kind, body)| (*kind, body.as_str()))).await
    }

    async fn send_as(&self, method: &str, path: &str, body: Option<(&str, &str)>) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let mut request = request.header("accept", "application/vnd.api+json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }
}

fn patient() -> Value {
    json!({"data": {"type": "ui-patients", "attributes": {
        "first-name": "James", "last-name": "Reece", "birth-date": "1980-07-04", "gender": "male",
        "email": "james.reece@example.com", "organization-id": SECOND,
    }}})
}

/// The patient with another value at a place under its attributes.
fn with(name: &str, value: Value) -> Value {
    let mut patient = patient();
    patient["data"]["attributes"][name] = value;
    patient
}

fn without(name: &str) -> Value {
    let mut patient = patient();
    patient["data"]["attributes"].as_object_mut().unwrap().remove(name);
    patient
}

#[tokio::test]
async fn a_body_that_breaks_its_schema_is_told_by_its_pointer() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = Raw::of(&sandbox).await;
    let attributes = "/data/attributes";
    let cases = [
        (without("last-name"), attributes.to_owned(), "a member \"last-name\""),
        (without("email"), attributes.to_owned(), "a member \"email\", or a member \"mobile-phone\""),
        (with("gender", json!(CANARY)), format!("{attributes}/gender"), "one of \"male\", \"female\""),
        (with("birth-date", json!(CANARY)), format!("{attributes}/birth-date"), "text of the format `date`"),
        (with("email", json!(CANARY)), format!("{attributes}/email"), "text of the format `email`"),
        (with("mobile-phone", json!(CANARY)), format!("{attributes}/mobile-phone"), "text of the form `"),
        (with("first-name", json!("")), format!("{attributes}/first-name"), "1 characters at the least"),
        (with("first-name", json!(7)), format!("{attributes}/first-name"), "a value of the type string"),
        (with("locale", json!(null)), format!("{attributes}/locale"), "one of \"en_US\", \"es_US\""),
        (with("organization-id", json!(CANARY)), format!("{attributes}/organization-id"), "format `uuid`"),
        (
            with("individual-group-ids", json!([FIRST, CANARY])),
            format!("{attributes}/individual-group-ids/1"),
            "format `uuid`",
        ),
        (with(CANARY, json!(1)), attributes.to_owned(), "no members but first-name, "),
        (json!(CANARY), String::new(), "a value of the type object"),
    ];
    for (body, pointer, expected) in cases {
        let (status, _) = raw.send("POST", "/showboat/v1/patients/", Some(body)).await;
        assert!((400..500).contains(&status), "{pointer}: {status}");
        let violations = sandbox.take_violations();
        let found = violations.iter().find(|each| each.expected().contains(expected));
        let found = found.unwrap_or_else(|| panic!("{expected}: {violations:?}"));
        assert_eq!((found.operation, found.direction), (Some("create_patient"), Direction::Request));
        assert_eq!(found.pointer(), Some(pointer.as_str()));
        for deviation in violations {
            assert!(!format!("{deviation} {deviation:?}").contains(CANARY), "{deviation}");
        }
    }
}

#[tokio::test]
async fn what_the_types_would_bear_is_refused_where_the_spec_does_not() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = Raw::of(&sandbox).await;
    let appointment = format!("/caredb/v1/org-appointments/{FIRST}/");
    let change = |attributes: Value| json!({"data": {"type": "org-appointments", "attributes": attributes}});
    let twice = json!({"data": {"attributes": {
        "username": "example@example.com", "notifications": ["email", "email"],
    }}});
    let cases = [
        ("PATCH", appointment.as_str(), change(json!({})), "/data/attributes"),
        ("PATCH", &appointment, change(json!({"start-time": null})), "/data/attributes/start-time"),
        ("POST", "/identity/v1/resend-invitation/", twice, "/data/attributes/notifications"),
        ("POST", "/showboat/v1/patients/", with("username", Value::Null), "/data/attributes/username"),
    ];
    for (method, path, body, pointer) in cases {
        let (status, answer) = raw.send(method, path, Some(body)).await;
        assert_eq!((status, &answer["errors"][0]["source"]["pointer"]), (422, &json!(pointer)), "{path}");
        let violations = sandbox.take_violations();
        assert_eq!(violations.iter().map(|each| each.pointer()).collect::<Vec<_>>(), [Some(pointer)]);
    }
    // A null that says something.
    let cleared = change(json!({"description": null, "location": "Room 4"}));
    assert_eq!(raw.send("PATCH", &appointment, Some(cleared)).await.0, 200);
}

#[tokio::test]
async fn all_else_of_a_request_is_told_too() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = Raw::of(&sandbox).await;
    let documents = "/caredb/v1/org-document-references/";
    let cases = [
        (
            "GET",
            format!("{documents}?organization-id={CANARY}"),
            "parameter organization-id",
            "format `uuid`",
        ),
        ("GET", documents.to_owned(), "parameter organization-id", "to be given"),
        (
            "GET",
            format!("{documents}?organization-id={SECOND}&organization-id={SECOND}"),
            "parameter organization-id",
            "once",
        ),
        ("GET", format!("{documents}?organization-id={SECOND}&{CANARY}=1"), "parameter 2 of", "one of organ"),
        ("GET", format!("{documents}?organization-id={SECOND}&page[size]=0"), "page[size]", "1 at the least"),
        ("GET", format!("{documents}?organization-id={SECOND}&page[number]=x"), "page[number]", "integer"),
        ("GET", format!("/caredb/v1/org-practitioners/?filter[{CANARY}]=1"), "parameter 1 of", "one of"),
        ("GET", format!("/caredb/v1/org-appointments/{CANARY}/"), "parameter id", "format `uuid`"),
        ("GET", format!("/caredb/v1/org-appointments/{FIRST}/?{CANARY}"), "parameter 1 of", "no parameters"),
        ("GET", format!("/caredb/v2/{CANARY}/"), "GET /caredb/…/…/", "a path of the spec"),
        (CANARY, documents.to_owned(), "(another method) /caredb", "one of the methods POST, GET"),
    ];
    for (method, path, place, expected) in cases {
        raw.send(method, &path, None).await;
        let said: Vec<_> = sandbox.take_violations().iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].contains(place) && said[0].contains(expected), "{path}: {said:?}");
        assert!(!said[0].contains(CANARY), "{path}: {said:?}");
    }
    let invitations = "/identity/v1/resend-invitation/";
    let bodies = [
        (invitations, Some(("text/plain", "{}")), "header content-type: expected application/json"),
        (invitations, Some(("application/json", CANARY)), "body: expected JSON"),
        (invitations, None, "body: expected JSON"),
        (
            "/caredb/v1/org-document-references/aa6243fb-e4c1-44a0-ae3c-f4c4ab115002/process-upload/",
            Some(("application/json", "{}")),
            "process_upload, request, body: expected no body",
        ),
    ];
    for (path, body, expected) in bodies {
        raw.send_as("POST", path, body).await;
        let said: Vec<_> = sandbox.take_violations().iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|line| line.contains(expected)), "{expected}: {said:?}");
        assert!(!said.concat().contains(CANARY), "{said:?}");
    }
}

#[tokio::test]
async fn what_the_service_refuses_by_its_rules_is_none() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = Raw::of(&sandbox).await;
    let post = async |path: &str, body: Value| raw.send("POST", path, Some(body)).await.0;
    assert_eq!(post("/showboat/v1/patients/", patient()).await, 201);
    assert_eq!(post("/showboat/v1/patients/", patient()).await, 409);
    let elsewhere = with("organization-id", json!(FIRST));
    assert_eq!(post("/showboat/v1/patients/", elsewhere).await, 422);
    let login = json!({"username": "username", "password": CANARY});
    assert_eq!(post("/identity/v1/login/", login).await, 401);
    let invitation = json!({"data": {"attributes": {"username": CANARY, "notifications": ["sms"]}}});
    assert_eq!(post("/identity/v1/resend-invitation/", invitation).await, 404);
    let get = async |path: String| raw.send("GET", &path, None).await.0;
    assert_eq!(get(format!("/caredb/v1/org-appointments/{SECOND}/")).await, 404);
    // Two of the vendor's programs write a double slash; lists have filters that the spec does not name.
    assert_eq!(get(format!("/caredb/v1/org-appointments//{FIRST}/")).await, 200);
    let documents = format!("/caredb/v1/org-document-references/?organization-id={SECOND}&filter[name]=x");
    assert_eq!(get(documents).await, 200);
    sandbox.fake().revoke_tokens();
    assert_eq!(get(format!("/caredb/v1/org-appointments/{FIRST}/")).await, 401);
    assert_eq!(sandbox.violations(), []);
}

#[tokio::test]
async fn they_fail_the_owner_with_all_of_them() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = Raw::of(&sandbox).await;
    raw.send("GET", "/caredb/v1/org-practioners/", None).await;
    raw.send("POST", "/showboat/v1/patients/", Some(without("gender"))).await;
    assert_eq!(sandbox.violations().len(), 2);
    let failure = catch_unwind(AssertUnwindSafe(|| drop(sandbox))).unwrap_err();
    let message = failure.downcast_ref::<String>().unwrap();
    assert_eq!(
        message,
        "calls of the sandbox differed from the spec:\n  \
         unknown call, request, GET /caredb/v1/…/: expected a path such as /caredb/v1/org-practitioners/\n  \
         create_patient, request, body at /data/attributes: expected a member \"gender\""
    );
}

#[tokio::test]
async fn who_watches_them_is_not_failed() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let watch = move |deviation: &carium_mock::Violation| sees.lock().unwrap().push(deviation.clone());
    let sandbox = Sandbox::builder().on_violation(watch).start().await.unwrap();
    let raw = Raw::of(&sandbox).await;
    raw.send("GET", "/", None).await;
    assert_eq!(*seen.lock().unwrap(), sandbox.violations());
    assert_eq!(sandbox.violations().len(), 1);
}

#[tokio::test]
async fn a_sandbox_is_where_and_what_it_is_asked_to_be() {
    let address = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let sandbox = Sandbox::builder().listen(address).start().await.unwrap();
    assert_eq!(sandbox.url(), format!("http://{address}"));
    assert!(Sandbox::builder().listen(address).start().await.is_err(), "it is taken");
    let created = async |seed| {
        let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
        let raw = Raw::of(&sandbox).await;
        let (_, answer) = raw.send("POST", "/showboat/v1/patients/", Some(patient())).await;
        answer["data"]["id"].clone()
    };
    let (first, again, other) = (created(1).await, created(1).await, created(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}
