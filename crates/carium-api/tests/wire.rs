//! What goes over the wire is what the vendor's programs send, and what the spec says comes back is read.
//!
//! `wire/requests.json` holds what the programs of the vendor's Examples page send, recorded from Python's
//! `requests` running them with their typos mended; the three lookups, which the page only names, by analogy
//! with the classes of documents. `generated/examples.json` holds the spec's own example answers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "wire/server.rs"]
mod server;

use std::collections::BTreeMap;

use carium_api::types::{self, builder};
use carium_api::{
    Client, ClientCaredbExt as _, ClientIdentityExt as _, ClientShowboatExt as _, Error, HttpTransport,
    ResponseValue, operations,
};
use serde::Serialize;
use serde_json::{Value, json};
use server::{Answer, Received, Server};

const REQUESTS: &str = include_str!("wire/requests.json");
const ANSWERS: &str = include_str!("generated/examples.json");

/// Headers that belong to the client and the connection rather than to the call.
const CLIENTS_OWN: [&str; 4] = ["user-agent", "accept-encoding", "connection", "host"];

const APPOINTMENT: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
const PATIENT: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";
const DOCUMENT: &str = "2097e072-92f6-4333-99d6-9693d63be652";
const ORGANIZATION: &str = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72";

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// What came of a call, whatever its type: the value as JSON.
type Outcome = Result<Value, Error<types::ErrorDocument>>;

fn outcome<T: Serialize>(result: Result<ResponseValue<T>, Error<types::ErrorDocument>>) -> Outcome {
    result.map(|value| serde_json::to_value(&*value).unwrap())
}

/// Calls an operation as the Examples page does. `nth` tells the two logins apart.
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
            panic!("{other} is in requests.json and not here: add an arm to `call` that makes its request")
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

/// A client with the token that the page's programs have after signing in.
fn client_of(server: &Server) -> Client {
    let plain = HttpTransport::new().unwrap();
    let transport = plain.with_token(&server.base_url, &"example-access-token".into()).unwrap();
    Client::new(server.base_url.clone(), transport)
}

fn example(operation: &str, status: u16) -> Value {
    let answers: Vec<Value> = serde_json::from_str(ANSWERS).unwrap();
    let found = answers.iter().find(|answer| answer["operation"] == operation && answer["status"] == status);
    found.unwrap_or_else(|| panic!("the spec has no answer {status} of {operation}"))["body"].clone()
}

/// A request in the form in which the page's are recorded.
fn as_recorded(operation: &str, received: &Received) -> Value {
    let (path, query) = received.target.split_once('?').unwrap_or((&received.target, ""));
    let query: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
    let mut headers: BTreeMap<_, _> = received.headers.clone();
    headers.retain(|name, _| !CLIENTS_OWN.contains(&name.as_str()));
    if !received.body.is_empty() {
        // The two write the same JSON with different spaces.
        let length = headers.insert("content-length".to_owned(), "(length of the body)".to_owned());
        assert_eq!(length, Some(received.body.len().to_string()));
    }
    let body: Value =
        if received.body.is_empty() { Value::Null } else { serde_json::from_slice(&received.body).unwrap() };
    json!({
        "operation": operation, "method": received.method, "path": path, "query": query, "headers": headers, "body": body,
    })
}

/// An answer of the service, its times in the form that this crate writes.
fn as_written(answer: &Value) -> Value {
    match answer {
        Value::String(text) if text.len() == 19 && text.as_bytes()[10] == b' ' => {
            json!(text.replace(' ', "T") + "Z")
        }
        Value::Array(items) => items.iter().map(as_written).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), as_written(value))).collect(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn each_operation_sends_what_the_vendors_program_sends() -> Result<()> {
    let recorded: Vec<Value> = serde_json::from_str(REQUESTS)?;
    let mut called = BTreeMap::<String, usize>::new();
    for expected in recorded {
        let operation = expected["operation"].as_str().unwrap();
        let nth = called.entry(operation.to_owned()).or_default();
        let status = if example_exists(operation, 201) { 201 } else { 200 };
        let server =
            Server::answering(Answer::json_api(status, example(operation, status).to_string())).await;
        let client = client_of(&server);
        call(&client, operation, *nth).await?;
        assert_eq!(as_recorded(operation, &server.received().await), expected, "{operation}");
        *nth += 1;
    }
    let missing: Vec<_> = operations::ALL.iter().filter(|row| !called.contains_key(row.id)).collect();
    assert!(missing.is_empty(), "no request of the vendor's is recorded for {missing:?}");
    Ok(())
}

fn example_exists(operation: &str, status: u16) -> bool {
    let answers: Vec<Value> = serde_json::from_str(ANSWERS).unwrap();
    answers.iter().any(|answer| answer["operation"] == operation && answer["status"] == status)
}

#[tokio::test]
async fn each_example_answer_of_the_spec_is_read_whole() -> Result<()> {
    let answers: Vec<Value> = serde_json::from_str(ANSWERS)?;
    for answer in answers {
        let (operation, body) = (answer["operation"].as_str().unwrap(), &answer["body"]);
        let status = u16::try_from(answer["status"].as_u64().unwrap())?;
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let server = Server::answering(Answer::json_api(status, text)).await;
        let outcome = call(&client_of(&server), operation, 0).await;
        let read = match outcome {
            Ok(value) => value,
            Err(Error::ErrorResponse(value)) => {
                assert_eq!(value.status(), status, "{operation}");
                serde_json::to_value(&*value)?
            }
            Err(error) => panic!("{operation} {status}: {error}"),
        };
        assert_eq!(read, as_written(body), "{operation} {status}");
    }
    Ok(())
}

#[tokio::test]
async fn answers_without_a_meaning_may_have_any_body_and_any_2xx() -> Result<()> {
    for operation in ["resend_invitation", "delete_appointment", "process_upload"] {
        for (status, body) in [(200, ""), (202, "{}"), (204, ""), (201, "<html>done</html>")] {
            let server = Server::answering(Answer::json_api(status, body)).await;
            call(&client_of(&server), operation, 0).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_proxys_page_keeps_its_status_and_is_not_printed() {
    let page = Answer { content_type: "text/html", ..Answer::json_api(503, "<html>canary</html>") };
    let server = Server::answering(page).await;
    let error = call(&client_of(&server), "get_appointment", 0).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(503));
    assert!(!format!("{error} {error:?} {error:#?}").contains("canary"));
    let Error::UnexpectedResponse(response) = &error else { panic!("{error:?}") };
    assert_eq!(response.body(), "<html>canary</html>", "it is there for who asks for it");
}

#[tokio::test]
async fn a_success_that_cannot_be_read_says_where_and_not_what() {
    for (body, place) in [
        ("{\"data\": \"canary\"}", "column 17"),
        ("{\"data\": {\"id\": \"canary", "ends too early"),
        ("canary", "not JSON"),
    ] {
        let server = Server::answering(Answer::json_api(200, body)).await;
        let error = call(&client_of(&server), "get_appointment", 0).await.unwrap_err();
        assert!(matches!(error, Error::Undecodable(_)), "{error:?}");
        let text = format!("{error} {error:?} {error:#?}");
        assert!(text.contains(place) && !text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering(Answer::json_api(200, "{}")).await;
    let redirect = Answer {
        headers: vec![("location", format!("{}/caredb/v1/org-practitioners/", elsewhere.base_url))],
        ..Answer::json_api(307, "")
    };
    let server = Server::answering(redirect).await;
    let error = call(&client_of(&server), "list_practitioners", 0).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(307));
    assert!(elsewhere.is_untouched());
}

#[tokio::test]
async fn a_token_does_not_go_to_another_origin() {
    let (home, other) = (
        Server::answering(Answer::json_api(200, "{}")).await,
        Server::answering(Answer::json_api(200, "{}")).await,
    );
    let transport =
        HttpTransport::new().unwrap().with_token(&home.base_url, &"example-access-token".into()).unwrap();
    let client = Client::new(other.base_url.clone(), transport);
    let error = call(&client, "list_practitioners", 0).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert!(other.is_untouched() && home.is_untouched());
}

#[tokio::test]
async fn a_call_that_lacks_a_part_says_which_and_sends_nothing() {
    let server = Server::answering(Answer::json_api(200, "{}")).await;
    let error = client_of(&server).list_document_classes().send().await.unwrap_err();
    assert!(error.to_string().contains("organization_id"), "{error}");
    let error = client_of(&server).create_patient().send().await.unwrap_err();
    assert!(error.to_string().contains("data"), "{error}");
    assert!(server.is_untouched());
}

#[tokio::test]
async fn no_answer_is_an_error_without_a_url() {
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
