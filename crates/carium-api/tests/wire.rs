//! Requests equal those of the vendor's programs, and the spec's example responses are read completely.
//!
//! `wire/requests.json` has the requests of the programs on the vendor's Examples page, recorded from Python's
//! `requests` after correcting their typos. The page only names the three lookups, so their requests are written by
//! analogy with the document classes. All other operations are tested with the examples of the spec: `generated/calls.rs`
//! calls them, and `generated/requests.json` and `generated/examples.json` have the requests and the responses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "generated/calls.rs"]
#[rustfmt::skip]
mod calls;
#[path = "wire/server.rs"]
mod server;

use std::collections::BTreeMap;

use carium_api::types::{self, builder};
use carium_api::{
    Client, ClientCaredbExt as _, ClientIdentityExt as _, ClientShowboatExt as _, Error, HttpTransport,
    ResponseValue, operations,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use server::{CannedResponse, Received, Server};

const REQUESTS: &str = include_str!("wire/requests.json");
const RESPONSES: &str = include_str!("generated/examples.json");
const EXAMPLE_REQUESTS: &str = include_str!("generated/requests.json");

/// Headers of the client and the connection, which are not compared.
const CLIENT_HEADERS: [&str; 4] = ["user-agent", "accept-encoding", "connection", "host"];

const APPOINTMENT: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
const PATIENT: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
const DOCUMENT: &str = "2097e072-92f6-4333-99d6-9693d63be652";
const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// The result of a call with its value as JSON.
type Outcome = Result<Value, Error<types::ErrorDocument>>;

fn outcome<T: Serialize>(result: Result<ResponseValue<T>, Error<types::ErrorDocument>>) -> Outcome {
    result.map(|value| serde_json::to_value(&*value).unwrap())
}

/// Reads a body of the spec.
fn read<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// Calls an operation as the Examples page does. `nth` distinguishes the two logins.
async fn call(client: &Client, operation: &str, nth: usize) -> Outcome {
    match operation {
        "login" => {
            let body = |body: builder::LoginRequest| {
                let body = body.username("username").password("password");
                if nth == 0 { body } else { body.totp_code(carium_api::Secret::from("123456")) }
            };
            outcome(client.login().body_map(body).send().await)
        }
        "resend_invitation" => {
            let invitation = types::NewInvitation::builder()
                .username("example@example.com")
                .notifications([types::NotificationChannel::Email]);
            outcome(client.resend_invitation().body_map(|body| body.data(data(invitation))).send().await)
        }
        "create_patient" => {
            outcome(client.create_patient().body_map(|body| body.data(new_patient())).send().await)
        }
        "create_appointment" => {
            outcome(client.create_appointment().body_map(|body| body.data(new_appointment())).send().await)
        }
        "get_appointment" => outcome(client.get_appointment().id(APPOINTMENT).send().await),
        "update_appointment" => {
            let moved = types::AppointmentChanges::builder()
                .start_time(time("2022-01-01T10:00:00Z"))
                .end_time(time("2022-01-01 10:30:00"));
            let data = types::UpdateAppointmentData::builder().attributes(moved);
            outcome(client.update_appointment().id(APPOINTMENT).body_map(|body| body.data(data)).send().await)
        }
        "delete_appointment" => outcome(client.delete_appointment().id(APPOINTMENT).send().await),
        "list_practitioners" => {
            outcome(client.list_practitioners().organization_id(ORGANIZATION).send().await)
        }
        "list_appointment_statuses" => {
            outcome(client.list_appointment_statuses().organization_id(ORGANIZATION).send().await)
        }
        "list_appointment_types" => {
            outcome(client.list_appointment_types().organization_id(ORGANIZATION).send().await)
        }
        "list_document_classes" => {
            outcome(client.list_document_classes().organization_id(ORGANIZATION).send().await)
        }
        "create_document_reference" => outcome(
            client.create_document_reference().body_map(|body| body.data(new_document())).send().await,
        ),
        "list_document_references" => {
            let list =
                client.list_document_references().filter_individual_id(PATIENT).organization_id(ORGANIZATION);
            outcome(list.send().await)
        }
        "process_upload" => outcome(client.process_upload().id(DOCUMENT).send().await),
        "get_download_info" => outcome(client.get_download_info().id(DOCUMENT).send().await),
        other => {
            panic!("requests.json has the operation {other}: add a case for it to `call`")
        }
    }
}

fn data(invitation: builder::NewInvitation) -> builder::InvitationData {
    types::InvitationData::builder().attributes(invitation)
}

fn time(text: &str) -> carium_api::DateTime {
    text.parse().unwrap()
}

fn new_patient() -> builder::CreatePatientData {
    let groups = ["aa6243fb-e4c1-44a0-ae3c-f4c4ab115002", "2097e072-92f6-4333-99d6-9693d63be652"];
    let patient = types::NewPatient::builder()
        .first_name("James")
        .last_name("Reece")
        .birth_date("1980-07-04")
        .gender(types::Gender::Male)
        .email(types::EmailAddress::try_from("james.reece@example.com").unwrap())
        .mobile_phone(types::PhoneNumber::try_from("+15551234567").unwrap())
        .locale(types::Locale::EnUs)
        .individual_group_ids(groups.map(|id| id.parse::<types::IndividualGroupId>().unwrap()))
        .username(types::Username::try_from("james.reece@example.com").unwrap())
        .organization_id(ORGANIZATION);
    types::CreatePatientData::builder().attributes(patient)
}

fn new_appointment() -> builder::CreateAppointmentData {
    let appointment = types::NewAppointment::builder()
        .organization_id(ORGANIZATION)
        .individual_id(PATIENT)
        .practitioner_id("2097e072-92f6-4333-99d6-9693d63be652")
        .start_time("2022-01-01T09:00:00Z")
        .end_time("2022-01-01 09:30:00")
        .status_id("8d25a2a6-8219-40d1-a34f-c24ec69f4f72")
        .type_id("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002")
        .add_video_channel(false)
        .guest_url("https://example.com/guest".to_owned())
        .host_url("https://example.com/host".to_owned())
        .description("This is a test appointment".to_owned())
        .patient_instruction("Please reschedule at https://example.com/reschedule".to_owned())
        .location("Virtual".to_owned());
    types::CreateAppointmentData::builder().attributes(appointment)
}

fn new_document() -> builder::CreateDocumentReferenceData {
    let document = types::NewDocumentReference::builder()
        .attachment_content_type("application/pdf")
        .attachment_filename("example.pdf")
        .class_id("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002")
        .name("Example Document")
        .description("This is an example document".to_owned())
        .individual_id(PATIENT)
        .organization_id(ORGANIZATION);
    types::CreateDocumentReferenceData::builder().attributes(document)
}

/// Creates a client with the access token that the page's programs have after signing in.
fn client_of(server: &Server) -> Client {
    let transport = HttpTransport::new().unwrap();
    let transport = transport.with_token(&server.base_url, &"example-access-token".into()).unwrap();
    Client::new(server.base_url.clone(), transport)
}

fn example(operation: &str, status: u16) -> Value {
    let responses: Vec<Value> = serde_json::from_str(RESPONSES).unwrap();
    let found =
        responses.iter().find(|response| response["operation"] == operation && response["status"] == status);
    found.unwrap_or_else(|| panic!("the spec has no example response with status {status} for {operation}"))["body"].clone()
}

/// Converts a received request into the form of `requests.json`.
fn as_recorded(operation: &str, received: &Received) -> Value {
    let (path, query) = received.target.split_once('?').unwrap_or((&received.target, ""));
    let query: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
    let mut headers: BTreeMap<_, _> = received.headers.clone();
    headers.retain(|name, _| !CLIENT_HEADERS.contains(&name.as_str()));
    if !received.body.is_empty() {
        // The two programs format the same JSON with different spaces.
        let length = headers.insert("content-length".to_owned(), "(length of the body)".to_owned());
        assert_eq!(length, Some(received.body.len().to_string()));
    }
    let body: Value =
        if received.body.is_empty() { Value::Null } else { serde_json::from_slice(&received.body).unwrap() };
    json!({
        "operation": operation, "method": received.method, "path": path, "query": query, "headers": headers, "body": body,
    })
}

/// Converts the times of an example response into the format that this crate writes.
fn as_serialized(response: &Value) -> Value {
    match response {
        Value::String(text) if text.len() == 19 && text.as_bytes()[10] == b' ' => {
            json!(text.replace(' ', "T") + "Z")
        }
        Value::Array(items) => items.iter().map(as_serialized).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), as_serialized(value))).collect(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn sends_the_same_requests_as_the_vendor_programs() -> Result<()> {
    let recorded: Vec<Value> = serde_json::from_str(REQUESTS)?;
    let mut called = BTreeMap::<String, usize>::new();
    for expected in recorded {
        let operation = expected["operation"].as_str().unwrap();
        let nth = called.entry(operation.to_owned()).or_default();
        let status = if example_exists(operation, 201) { 201 } else { 200 };
        let server =
            Server::answering(CannedResponse::json_api(status, example(operation, status).to_string())).await;
        let client = client_of(&server);
        call(&client, operation, *nth).await?;
        assert_eq!(as_recorded(operation, &server.received().await), expected, "{operation}");
        *nth += 1;
    }
    Ok(())
}

#[tokio::test]
async fn sends_the_example_request_of_each_operation() -> Result<()> {
    let examples: Vec<Value> = serde_json::from_str(EXAMPLE_REQUESTS)?;
    assert_eq!(examples.len(), operations::ALL.len());
    for example in examples {
        let operation = example["operation"].as_str().unwrap();
        let server = Server::answering(CannedResponse::json_api(500, "")).await;
        // The response does not matter here.
        let _ = calls::call(&client_of(&server), operation).await;
        let sent = as_recorded(operation, &server.received().await);
        for part in ["method", "path", "body"] {
            assert_eq!(sent[part], example[part], "{part} of {operation}");
        }
        let parameters = |query: &Value| {
            let mut parameters: Vec<_> = query.as_array().unwrap().iter().map(Value::to_string).collect();
            parameters.sort();
            parameters
        };
        assert_eq!(parameters(&sent["query"]), parameters(&example["query"]), "query of {operation}");
    }
    Ok(())
}

fn example_exists(operation: &str, status: u16) -> bool {
    let responses: Vec<Value> = serde_json::from_str(RESPONSES).unwrap();
    responses.iter().any(|response| response["operation"] == operation && response["status"] == status)
}

#[tokio::test]
async fn reads_every_example_response_of_the_spec() -> Result<()> {
    let responses: Vec<Value> = serde_json::from_str(RESPONSES)?;
    for response in responses {
        let (operation, body) = (response["operation"].as_str().unwrap(), &response["body"]);
        let status = u16::try_from(response["status"].as_u64().unwrap())?;
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let server = Server::answering(CannedResponse::json_api(status, text)).await;
        let outcome = calls::call(&client_of(&server), operation).await;
        let read = match outcome {
            Ok(value) => value,
            Err(Error::ErrorResponse(value)) => {
                assert_eq!(value.status(), status, "{operation}");
                serde_json::to_value(&*value)?
            }
            Err(error) => panic!("{operation} {status}: {error}"),
        };
        assert_eq!(read, as_serialized(body), "{operation} {status}");
    }
    Ok(())
}

#[tokio::test]
async fn accepts_any_body_and_2xx_where_no_body_is_expected() -> Result<()> {
    for operation in ["resend_invitation", "delete_appointment", "process_upload"] {
        for (status, body) in [(200, ""), (202, "{}"), (204, ""), (201, "<html>done</html>")] {
            let server = Server::answering(CannedResponse::json_api(status, body)).await;
            call(&client_of(&server), operation, 0).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn proxy_error_page_keeps_its_status_and_is_not_printed() {
    let page =
        CannedResponse { content_type: "text/html", ..CannedResponse::json_api(503, "<html>canary</html>") };
    let server = Server::answering(page).await;
    let error = call(&client_of(&server), "get_appointment", 0).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(503));
    assert!(!format!("{error} {error:?} {error:#?}").contains("canary"));
    let Error::UnexpectedResponse(response) = &error else { panic!("{error:?}") };
    assert_eq!(response.body(), "<html>canary</html>", "the caller can read the body");
}

#[tokio::test]
async fn unreadable_success_reports_position_without_content() {
    for (body, expected) in [
        ("{\"data\": \"canary\"}", "column 17"),
        ("{\"data\": {\"id\": \"canary", "truncated"),
        ("canary", "not JSON"),
    ] {
        let server = Server::answering(CannedResponse::json_api(200, body)).await;
        let error = call(&client_of(&server), "get_appointment", 0).await.unwrap_err();
        assert!(matches!(error, Error::Undecodable(_)), "{error:?}");
        let text = format!("{error} {error:?} {error:#?}");
        assert!(text.contains(expected) && !text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn does_not_follow_redirects() {
    let elsewhere = Server::answering(CannedResponse::json_api(200, "{}")).await;
    let redirect = CannedResponse {
        headers: vec![("location", format!("{}/caredb/v1/org-practitioners/", elsewhere.base_url))],
        ..CannedResponse::json_api(307, "")
    };
    let server = Server::answering(redirect).await;
    let error = call(&client_of(&server), "list_practitioners", 0).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(307));
    assert!(elsewhere.is_untouched());
}

#[tokio::test]
async fn sends_no_token_to_another_origin() {
    let (own, other) = (
        Server::answering(CannedResponse::json_api(200, "{}")).await,
        Server::answering(CannedResponse::json_api(200, "{}")).await,
    );
    let transport =
        HttpTransport::new().unwrap().with_token(&own.base_url, &"example-access-token".into()).unwrap();
    let client = Client::new(other.base_url.clone(), transport);
    let error = call(&client, "list_practitioners", 0).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert!(other.is_untouched() && own.is_untouched());
}

#[tokio::test]
async fn incomplete_call_names_the_missing_part_and_sends_nothing() {
    let server = Server::answering(CannedResponse::json_api(200, "{}")).await;
    let error = client_of(&server).list_document_classes().send().await.unwrap_err();
    assert!(error.to_string().contains("organization_id"), "{error}");
    let error = client_of(&server).create_patient().send().await.unwrap_err();
    assert!(error.to_string().contains("data"), "{error}");
    assert!(server.is_untouched());
}

#[tokio::test]
async fn connection_error_does_not_contain_the_url() {
    let client = Client::new("http://127.0.0.1:9".parse().unwrap(), HttpTransport::new().unwrap());
    let error = client
        .list_document_references()
        .organization_id(ORGANIZATION)
        .filter_individual_id(PATIENT)
        .send()
        .await;
    let error = error.unwrap_err();
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!text.contains(PATIENT) && !text.contains("filter"), "{text}");
}
