//! Tests with `httpmock`: the exact requests that are sent, and how one exact response is handled.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium::api::types::{CreatePatientRequest, ErrorDocument, LoginResponse, PatientDocument};
use carium::{Carium, Credentials};
use carium_mock::wire::MockServerExt as _;
use clinic_sync::{Admission, admit, read_register};
use httpmock::MockServer;
use serde_json::json;

const ADA: &str = concat!(
    r#"{"number": "7", "first-name": "Ada", "last-name": "Quill", "birth-date": "1990-02-28", "#,
    r#""gender": "female", "email": "ada.quill@example.com"}"#,
);

/// Returns a client for the server, which accepts its sign-in.
fn client(server: &MockServer) -> Carium {
    let token: LoginResponse = serde_json::from_value(json!({"access-token": "token"})).unwrap();
    server.login(|_, then| drop(then.ok(&token)));
    let carium = Carium::builder().base_url(server.base_url());
    let carium = carium.credentials(Credentials::new("username", "password").unwrap());
    carium.organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap()).build().unwrap()
}

#[tokio::test]
async fn sends_patient_as_in_register() {
    let server = MockServer::start_async().await;
    let carium = client(&server);
    let (request, response) = create_exchange();
    let create = server.create_patient(|when, then| {
        when.body(&request);
        then.created(&response);
    });
    let invite = server.resend_invitation(|_, then| drop(then.success(204)));
    let ada = read_register(ADA).next().unwrap().unwrap().to_patient(&carium).unwrap();
    let admission = admit(carium.patients().as_ref(), carium.invitations().as_ref(), ada).await.unwrap();
    assert!(matches!(admission, Admission::Invited(_)));
    create.assert_async().await;
    invite.assert_async().await;
}

/// Returns the expected request that creates the patient, and the response.
fn create_exchange() -> (CreatePatientRequest, PatientDocument) {
    let request = json!({"data": {"type": "ui-patients", "attributes": {
        "first-name": "Ada", "last-name": "Quill", "birth-date": "1990-02-28", "gender": "female",
        "email": "ada.quill@example.com", "username": "ada.quill@example.com", "locale": "en_US",
        "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
    }}});
    let response = json!({"data": {"id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002"}});
    (serde_json::from_value(request).unwrap(), serde_json::from_value(response).unwrap())
}

#[tokio::test]
async fn treats_422_for_username_as_taken() {
    let server = MockServer::start_async().await;
    let carium = client(&server);
    let taken = json!({"errors": [{"code": "taken", "source": {"pointer": "/data/attributes/username"}}]});
    let taken: ErrorDocument = serde_json::from_value(taken).unwrap();
    server.create_patient(|_, then| drop(then.client_error(422, &taken)));
    let ada = read_register(ADA).next().unwrap().unwrap().to_patient(&carium).unwrap();
    let admission = admit(carium.patients().as_ref(), carium.invitations().as_ref(), ada).await.unwrap();
    assert_eq!(admission, Admission::UsernameTaken);
}
