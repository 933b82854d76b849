//! The sandbox follows the rules of the fake, over HTTP.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium::documents::{DocumentQuery, UploadSource};
use carium::patients::Gender;
use carium::{ErrorKind, ListOptions, NewInvitation};
use carium_mock::Sandbox;
use futures_util::TryStreamExt as _;

const FIRST: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

#[tokio::test]
async fn creates_and_invites_patient_and_uploads_document() {
    let sandbox = Sandbox::start().await.unwrap();
    let carium = sandbox.client();
    let patient = carium.new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
    let patient = patient.gender(Gender::Male).email("james.reece@example.com").build().unwrap();
    let id = carium.patients().create(patient.clone()).await.unwrap();
    let error = carium.patients().create(patient).await.unwrap_err();
    assert_eq!((error.kind(), error.problems()[0].field()), (ErrorKind::Conflict, Some("username")));
    for username in ["james.reece@example.com", "example@example.com"] {
        carium.invitations().send(NewInvitation::by_email(username).unwrap()).await.unwrap();
        assert_eq!(sandbox.fake().invitations_to(username).len(), 1);
    }
    let classes: Vec<_> = carium.documents().classes(ListOptions::default()).try_collect().await.unwrap();
    let document =
        carium.new_document().patient(id).class(classes[0].id).name("Letter").file_name("letter.pdf");
    let content = vec![7; 700_000];
    let receipt = carium
        .uploads()
        .upload(document.build().unwrap(), UploadSource::bytes(content.clone()))
        .await
        .unwrap();
    assert_eq!(sandbox.fake().document_bytes(receipt.id).as_deref(), Some(&content[..]));
    let mut written = Vec::new();
    carium.downloads().to_writer(receipt.id, &mut written).await.unwrap();
    assert!(written == content);
    let listed: Vec<_> =
        carium.documents().list(DocumentQuery::default().patient(id)).try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(sandbox.object_store().calls().iter().all(|call| !call.has_authorization));
}

#[tokio::test]
async fn starts_with_the_data_of_the_examples_page() {
    let sandbox = Sandbox::start().await.unwrap();
    let appointment = sandbox.client().appointments().get(FIRST.parse().unwrap()).await.unwrap();
    assert_eq!(appointment.start, Some("2022-01-01T09:00:00Z".parse().unwrap()));
    let url = format!("{}/caredb/v1/org-appointments//{FIRST}/", sandbox.url());
    let http = reqwest::Client::new();
    let login = http
        .post(format!("{}/identity/v1/login/", sandbox.url()))
        .header("content-type", "application/json")
        .body(r#"{"username": "username", "password": "password"}"#);
    let response: serde_json::Value =
        serde_json::from_slice(&login.send().await.unwrap().bytes().await.unwrap()).unwrap();
    let token = response["access-token"].as_str().unwrap();
    // Two programs of the page send a double slash.
    let response = http.get(&url).header("authorization", format!("Bearer {token}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/vnd.api+json");
    let body: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(body["data"]["attributes"]["start-time"], "2022-01-01 09:00:00");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_rejected_with_a_hint() {
    let sandbox = Sandbox::start().await.unwrap();
    let http = reqwest::Client::new();
    let cases = [
        ("GET", "/caredb/v1/org-practioners/", 404, "org-practitioners"),
        ("GET", "/caredb/v1/org-practitioners", 404, "ends with a slash"),
        ("DELETE", "/caredb/v1/org-practitioners/", 405, "GET"),
        ("GET", "/caredb/v1/org-practitioners/", 401, "token"),
        ("GET", "/", 404, "not in the spec"),
    ];
    for (method, path, status, hint) in cases {
        let request = http.request(method.parse().unwrap(), format!("{}{path}", sandbox.url()));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        let body = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
        assert!(body.contains(hint), "{method} {path}: {body}");
    }
    // The call without a token conforms to the spec. All others are violations.
    let violations: Vec<_> = sandbox.take_violations().iter().map(ToString::to_string).collect();
    assert_eq!(
        violations,
        [
            "unknown operation, request, GET /caredb/v1/…/: expected a path such as /caredb/v1/org-practitioners/",
            "unknown operation, request, GET /caredb/v1/org-practitioners: expected a path such as \
             /caredb/v1/org-practitioners/",
            "unknown operation, request, DELETE /caredb/v1/org-practitioners/: expected one of the methods GET",
            "unknown operation, request, GET /: expected a path in the spec",
        ]
    );
}
