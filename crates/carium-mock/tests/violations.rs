//! Violations of the spec fail the test that owns the sandbox. They contain a location and the expected value, but
//! not the actual value.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support {
    pub(crate) mod raw_client;
}

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use carium::api::{Operation, RawRequest, operations};
use carium_mock::{Direction, FakeCarium, Quirk, Sandbox};
use serde_json::{Value, json};
use support::raw_client::{FIRST, RawClient, SECOND, patient};

/// An invalid value in requests, which no violation may contain.
const CANARY: &str = "canary";

/// Returns the patient with another value for an attribute.
fn patient_with(name: &str, value: Value) -> Value {
    let mut patient = patient();
    patient["data"]["attributes"][name] = value;
    patient
}

/// Returns the patient without an attribute.
fn patient_without(name: &str) -> Value {
    let mut patient = patient();
    patient["data"]["attributes"].as_object_mut().unwrap().remove(name);
    patient
}

#[tokio::test]
async fn reports_schema_violations_by_json_pointer() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = RawClient::signed_in(&sandbox).await;
    let attributes = "/data/attributes";
    let cases = [
        (patient_without("last-name"), attributes.to_owned(), "the property \"last-name\""),
        (
            patient_without("email"),
            attributes.to_owned(),
            "the property \"email\", or the property \"mobile-phone\"",
        ),
        (
            patient_with("gender", json!(CANARY)),
            format!("{attributes}/gender"),
            "one of \"male\", \"female\"",
        ),
        (
            patient_with("birth-date", json!(CANARY)),
            format!("{attributes}/birth-date"),
            "a string in the format `date`",
        ),
        (
            patient_with("email", json!(CANARY)),
            format!("{attributes}/email"),
            "a string in the format `email`",
        ),
        (
            patient_with("mobile-phone", json!(CANARY)),
            format!("{attributes}/mobile-phone"),
            "a string that matches `",
        ),
        (patient_with("first-name", json!("")), format!("{attributes}/first-name"), "at least 1 characters"),
        (patient_with("first-name", json!(7)), format!("{attributes}/first-name"), "a value of type string"),
        (patient_with("locale", json!(null)), format!("{attributes}/locale"), "one of \"en_US\", \"es_US\""),
        (
            patient_with("organization-id", json!(CANARY)),
            format!("{attributes}/organization-id"),
            "format `uuid`",
        ),
        (
            patient_with("individual-group-ids", json!([FIRST, CANARY])),
            format!("{attributes}/individual-group-ids/1"),
            "format `uuid`",
        ),
        (patient_with(CANARY, json!(1)), attributes.to_owned(), "no properties other than first-name, "),
        (json!(CANARY), String::new(), "a value of type object"),
    ];
    for (body, pointer, expected) in cases {
        let (status, response) = raw.send("POST", "/showboat/v1/patients/", Some(body)).await;
        let error = &response["errors"][0];
        assert_eq!((status, &error["source"]["pointer"]), (422, &json!(pointer)), "{response}");
        assert!(!response.to_string().contains(CANARY), "{response}");
        let violations = sandbox.take_violations();
        let violation = violations.iter().find(|violation| violation.expected().contains(expected));
        let violation = violation.unwrap_or_else(|| panic!("{expected}: {violations:?}"));
        assert_eq!((violation.operation, violation.direction), (Some("create_patient"), Direction::Request));
        assert_eq!(violation.pointer(), Some(pointer.as_str()));
        for violation in violations {
            assert!(!format!("{violation} {violation:?}").contains(CANARY), "{violation}");
        }
    }
    assert!(sandbox.fake().patients().is_empty());
}

#[tokio::test]
async fn rejects_requests_that_the_generated_types_accept() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = RawClient::signed_in(&sandbox).await;
    let appointment = format!("/caredb/v1/org-appointments/{FIRST}/");
    let change = |attributes: Value| json!({"data": {"type": "org-appointments", "attributes": attributes}});
    let duplicate_channel = json!({"data": {"attributes": {
        "username": "example@example.com", "notifications": ["email", "email"],
    }}});
    let cases = [
        ("PATCH", appointment.as_str(), change(json!({})), "/data/attributes"),
        ("PATCH", &appointment, change(json!({"start-time": null})), "/data/attributes/start-time"),
        ("POST", "/identity/v1/resend-invitation/", duplicate_channel, "/data/attributes/notifications"),
        (
            "POST",
            "/showboat/v1/patients/",
            patient_with("username", Value::Null),
            "/data/attributes/username",
        ),
    ];
    for (method, path, body, pointer) in cases {
        let (status, body) = raw.send(method, path, Some(body)).await;
        assert_eq!((status, &body["errors"][0]["source"]["pointer"]), (422, &json!(pointer)), "{path}");
        let violations = sandbox.take_violations();
        assert_eq!(
            violations.iter().map(|violation| violation.pointer()).collect::<Vec<_>>(),
            [Some(pointer)]
        );
    }
    // Null is allowed for attributes that it clears.
    let cleared = change(json!({"description": null, "location": "Room 4"}));
    assert_eq!(raw.send("PATCH", &appointment, Some(cleared)).await.0, 200);
}

#[tokio::test]
async fn reports_violations_in_path_query_and_method() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = RawClient::signed_in(&sandbox).await;
    let documents = "/caredb/v1/org-document-references/";
    let cases = [
        (
            "GET",
            format!("{documents}?organization-id={CANARY}"),
            "parameter organization-id",
            "format `uuid`",
        ),
        (
            "GET",
            documents.to_owned(),
            "parameter organization-id",
            "a value, because the parameter is required",
        ),
        (
            "GET",
            format!("{documents}?organization-id={SECOND}&organization-id={SECOND}"),
            "parameter organization-id",
            "a single value",
        ),
        (
            "GET",
            format!("{documents}?organization-id={SECOND}&{CANARY}=1"),
            "query parameter 2",
            "one of organ",
        ),
        ("GET", format!("{documents}?organization-id={SECOND}&page[limit]=0"), "page[limit]", "at least 1"),
        ("GET", format!("{documents}?organization-id={SECOND}&page[offset]=x"), "page[offset]", "integer"),
        ("GET", format!("/caredb/v1/org-practitioners/?filter[{CANARY}]=1"), "query parameter 1", "one of"),
        ("GET", format!("/caredb/v1/org-appointments/{CANARY}/"), "parameter id", "format `uuid`"),
        (
            "GET",
            format!("/caredb/v1/org-appointments/{FIRST}/?{CANARY}"),
            "query parameter 1",
            "no parameters",
        ),
        ("GET", format!("/caredb/v2/{CANARY}/"), "GET /caredb/…/…/", "a path in the spec"),
        (CANARY, documents.to_owned(), "(unknown method) /caredb", "one of the methods POST, GET"),
    ];
    for (method, path, location, expected) in cases {
        let (status, body) = raw.send(method, &path, None).await;
        let (expected_status, parameter) = match location {
            "parameter id" | "GET /caredb/…/…/" => (404, None),
            "(unknown method) /caredb" => (405, None),
            location if location.starts_with("query parameter") && path.contains("filter") => {
                (400, Some(format!("filter[{CANARY}]")))
            }
            location if location.starts_with("query parameter") => (400, Some(CANARY.to_owned())),
            location => (400, location.split(' ').next_back().map(str::to_owned)),
        };
        assert_eq!(status, expected_status, "{path}");
        assert_eq!(body["errors"][0]["source"]["parameter"].as_str(), parameter.as_deref(), "{path}");
        let lines: Vec<_> = sandbox.take_violations().iter().map(ToString::to_string).collect();
        assert!(
            lines.len() == 1 && lines[0].contains(location) && lines[0].contains(expected),
            "{path}: {lines:?}"
        );
        assert!(!lines[0].contains(CANARY), "{path}: {lines:?}");
    }
}

#[tokio::test]
async fn reports_violations_in_media_types_and_bodies() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = RawClient::signed_in(&sandbox).await;
    let invitations = "/identity/v1/resend-invitation/";
    let bodies = [
        (invitations, Some(("text/plain", "{}")), 415, "header content-type: expected application/json"),
        (invitations, Some(("application/json", CANARY)), 400, "body: expected valid JSON"),
        (invitations, None, 415, "body: expected valid JSON"),
        (
            "/caredb/v1/org-document-references/aa6243fb-e4c1-44a0-ae3c-f4c4ab115002/process-upload/",
            Some(("application/json", "{}")),
            422,
            "process_upload, request, body: expected no body",
        ),
    ];
    for (path, body, expected_status, expected) in bodies {
        let (status, response) = raw.send_with_media_type("POST", path, body).await;
        assert_eq!(status, expected_status, "{response}");
        let lines: Vec<_> = sandbox.take_violations().iter().map(ToString::to_string).collect();
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected}: {lines:?}");
        assert!(!lines.concat().contains(CANARY), "{lines:?}");
    }
}

#[tokio::test]
async fn fake_rejects_what_the_spec_rejects() {
    let fake = FakeCarium::new();
    let send = async |operation: &'static Operation, request: RawRequest| {
        let result = fake.client().api().send_raw(operation, request).await;
        result.map(drop).map_err(|error| error.status().map(|status| status.as_u16()))
    };
    let login = json!({
        "username": "username", "password": "password", "access-token-expiration-seconds": 3601,
    });
    let mut document = json!({"data": {"attributes": {
        "attachment-content-type": "text/plain", "attachment-filename": "a.txt", "name": "A",
        "class-id": fake.document_class("Letter"), "individual-id": fake.add_individual(),
        "organization-id": fake.organization(),
    }}});
    let documents = RawRequest::default().query("organization-id", fake.organization().to_string());
    let requests = || {
        [
            (&operations::LOGIN, RawRequest::default().body(login.to_string())),
            (&operations::CREATE_DOCUMENT_REFERENCE, RawRequest::default().body(document.to_string())),
            (&operations::LIST_DOCUMENT_REFERENCES, documents.clone().query("page[offset]", "-1")),
            (&operations::LIST_PRACTITIONERS, RawRequest::default().query("unknown", "1")),
        ]
    };
    let mut rejected = Vec::new();
    for (operation, request) in requests() {
        rejected.push(send(operation, request).await.unwrap_err());
    }
    assert_eq!(rejected, [Some(422), Some(422), Some(400), Some(400)]);
    assert!(fake.documents().is_empty());
    fake.set_quirks([Quirk::AcceptsInvalidRequests]);
    let mut accepted = Vec::new();
    for (operation, request) in requests() {
        accepted.push(send(operation, request).await.is_ok());
    }
    // An offset that is not a number cannot be interpreted.
    assert_eq!(accepted, [true, true, false, true]);
    fake.set_quirks([]);
    document["data"]["type"] = json!("org-document-references");
    let complete = RawRequest::default().body(document.to_string());
    send(&operations::CREATE_DOCUMENT_REFERENCE, complete).await.unwrap();
    assert_eq!(fake.documents().len(), 2);
}

#[tokio::test]
async fn requests_rejected_by_rules_of_the_service_are_not_violations() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = RawClient::signed_in(&sandbox).await;
    let post = async |path: &str, body: Value| raw.send("POST", path, Some(body)).await.0;
    assert_eq!(post("/showboat/v1/patients/", patient()).await, 201);
    assert_eq!(post("/showboat/v1/patients/", patient()).await, 409);
    let unknown_organization = patient_with("organization-id", json!(FIRST));
    assert_eq!(post("/showboat/v1/patients/", unknown_organization).await, 422);
    let login = json!({"username": "username", "password": CANARY});
    assert_eq!(post("/identity/v1/login/", login).await, 401);
    let invitation = json!({"data": {"attributes": {"username": CANARY, "notifications": ["sms"]}}});
    assert_eq!(post("/identity/v1/resend-invitation/", invitation).await, 404);
    let get = async |path: String| raw.send("GET", &path, None).await.0;
    assert_eq!(get(format!("/caredb/v1/org-appointments/{SECOND}/")).await, 404);
    // Two of the vendor's example programs send a double slash. Lists have filters that the spec does not name.
    assert_eq!(get(format!("/caredb/v1/org-appointments//{FIRST}/")).await, 200);
    let documents = format!("/caredb/v1/org-document-references/?organization-id={SECOND}&filter[name]=x");
    assert_eq!(get(documents).await, 200);
    sandbox.fake().revoke_tokens();
    assert_eq!(get(format!("/caredb/v1/org-appointments/{FIRST}/")).await, 401);
    assert_eq!(sandbox.violations(), []);
}

#[tokio::test]
async fn dropping_the_sandbox_panics_with_all_violations() {
    let sandbox = Sandbox::start().await.unwrap();
    let raw = RawClient::signed_in(&sandbox).await;
    raw.send("GET", "/caredb/v1/org-practioners/", None).await;
    raw.send("POST", "/showboat/v1/patients/", Some(patient_without("gender"))).await;
    assert_eq!(sandbox.violations().len(), 2);
    let panic = catch_unwind(AssertUnwindSafe(|| drop(sandbox))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert_eq!(
        message,
        "calls to the sandbox violated the spec:\n  \
         unknown operation, request, GET /caredb/v1/…/: expected a path such as /caredb/v1/org-practitioners/\n  \
         create_patient, request, body at /data/attributes: expected the property \"gender\""
    );
}

#[tokio::test]
async fn callback_receives_violations_instead_of_a_panic() {
    let observed = Arc::new(Mutex::new(Vec::new()));
    let observer = Arc::clone(&observed);
    let callback = move |violation: &carium_mock::Violation| observer.lock().unwrap().push(violation.clone());
    let sandbox = Sandbox::builder().on_violation(callback).start().await.unwrap();
    let raw = RawClient::signed_in(&sandbox).await;
    raw.send("GET", "/", None).await;
    assert_eq!(*observed.lock().unwrap(), sandbox.violations());
    assert_eq!(sandbox.violations().len(), 1);
}

#[tokio::test]
async fn builder_sets_address_and_seed() {
    let address = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let sandbox = Sandbox::builder().listen(address).start().await.unwrap();
    assert_eq!(sandbox.url(), format!("http://{address}"));
    assert!(Sandbox::builder().listen(address).start().await.is_err(), "the port is already in use");
    let patient_id = async |seed| {
        let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
        let raw = RawClient::signed_in(&sandbox).await;
        let (_, body) = raw.send("POST", "/showboat/v1/patients/", Some(patient())).await;
        body["data"]["id"].clone()
    };
    let (first, again, other) = (patient_id(1).await, patient_id(1).await, patient_id(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}
