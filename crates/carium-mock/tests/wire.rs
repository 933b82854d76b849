//! Tests of the `httpmock` helpers: they match the configured request only, and return the configured response.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium_api::types::{AppointmentDocument, CreatePatientRequest, ErrorDocument, PatientDocument};
use carium_api::{Client, ClientCaredbExt as _, ClientShowboatExt as _, Error, HttpTransport};
use carium_mock::wire::MockServerExt as _;
use httpmock::MockServer;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

fn from_json<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn patient(first_name: &str) -> CreatePatientRequest {
    from_json(json!({"data": {"type": "ui-patients", "attributes": {
        "first-name": first_name, "last-name": "Reece", "birth-date": "1980-07-04", "gender": "male",
        "email": "james.reece@example.com", "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
    }}}))
}

fn client(server: &MockServer) -> Client {
    Client::new(server.base_url().parse().unwrap(), HttpTransport::new().unwrap())
}

#[tokio::test]
async fn responds_only_to_the_expected_body() {
    let server = MockServer::start_async().await;
    let created: PatientDocument = from_json(json!({"data": {"id": ID}}));
    let mock = server.create_patient(|when, then| {
        when.body(&patient("James"));
        then.created(&created);
    });
    let response = client(&server).create_patient().body(patient("James")).send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["content-type"], "application/vnd.api+json");
    assert_eq!(response.data.id.to_string(), ID);
    mock.assert_async().await;

    let error = client(&server).create_patient().body(patient("Jim")).send().await.unwrap_err();
    assert_eq!(
        error.status().map(|status| status.as_u16()),
        Some(404),
        "httpmock responds with 404 to a request that no mock matches"
    );
}

#[tokio::test]
async fn matches_path_id_and_returns_typed_error() {
    let server = MockServer::start_async().await;
    let appointment: AppointmentDocument = from_json(json!({"data": {"id": ID}}));
    let not_found: ErrorDocument = from_json(json!({"errors": [{"status": "404", "code": "not-found"}]}));
    server.get_appointment(|when, then| {
        when.id(&ID.parse().unwrap());
        then.ok(&appointment);
    });
    server.delete_appointment(|when, then| {
        when.id(&ID.parse().unwrap());
        then.client_error(404, &not_found);
    });
    let client = client(&server);
    assert_eq!(client.get_appointment().id(ID).send().await.unwrap().into_inner(), appointment);
    let error = client.delete_appointment().id(ID).send().await.unwrap_err();
    let Error::ErrorResponse(response) = error else { panic!("{error:?}") };
    assert_eq!(response.into_inner(), not_found);
}
