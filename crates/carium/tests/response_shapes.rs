//! Responses in the shapes that the vendor's SDK shows where the Examples page is silent: without a body, with
//! metadata, with error codes in any case style, and with times in any format.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use carium::appointments::AppointmentUpdate;
use carium::{Change, ErrorKind};
use serde_json::{Value, json};
use support::{Behavior, ID, Service, call, id, patient};

fn respond(status: u16, body: Value) -> Behavior {
    Behavior::Respond(status, Vec::new(), body)
}

#[tokio::test(start_paused = true)]
async fn update_without_a_resource_in_the_response_returns_what_is_known() {
    let time = |text: &str| text.parse().unwrap();
    let (start, end) = (time("2030-01-01T10:00:00Z"), time("2030-01-01T10:30:00Z"));
    let update =
        AppointmentUpdate::default().between(start, end).location("Room 5").description(Change::Clear);
    for (status, body) in [
        (200, Value::Null),
        (201, Value::Null),
        (202, Value::Null),
        (204, Value::Null),
        (200, json!({})),
        (200, json!({"meta": {"done": true}})),
        (200, json!({"data": null})),
    ] {
        let client = Service::script([respond(status, body.clone())]).client();
        let updated = client.appointments().update(id(), update.clone()).await.unwrap();
        assert_eq!(updated.id.to_string(), ID, "{status} {body}");
        assert_eq!((updated.start, updated.end), (Some(start), Some(end)), "{status} {body}");
        assert_eq!(
            (updated.location.as_deref(), updated.description),
            (Some("Room 5"), None),
            "{status} {body}"
        );
    }
    for (status, body) in [(200, json!("page")), (200, json!({"data": {}})), (302, Value::Null)] {
        let client = Service::script([respond(status, body.clone())]).client();
        let error = client.appointments().update(id(), update.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn update_sends_the_id_only_if_the_client_is_configured_to() {
    for send_id in [false, true] {
        let service = Service::script([respond(204, Value::Null)]);
        let client = service.builder().send_id_in_updates(send_id).build().unwrap();
        call(&client, "update_appointment").await.unwrap();
        let body: Value =
            serde_json::from_slice(&service.requests_for("update_appointment")[0].body).unwrap();
        assert_eq!(body["data"].get("id"), send_id.then(|| json!(ID)).as_ref());
    }
}

#[tokio::test(start_paused = true)]
async fn creation_without_an_id_in_the_response_has_an_unknown_outcome() {
    for operation in ["create_patient", "create_appointment"] {
        for (status, body) in [(200, Value::Null), (201, Value::Null), (204, Value::Null), (201, json!({}))] {
            let service = Service::script([respond(status, body)]);
            let error = call(&service.client(), operation).await.unwrap_err();
            assert!(error.may_have_been_applied(), "{operation} {status}: {error}");
            assert_eq!(error.kind(), ErrorKind::Undecodable, "{operation} {status}");
            assert_eq!(service.count(operation), 1, "{operation} {status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_need_no_body_succeed_without_one() {
    for operation in ["delete_appointment", "resend_invitation", "process_upload"] {
        for (status, body) in [(200, Value::Null), (201, json!({})), (202, Value::Null), (204, Value::Null)] {
            let client = Service::script([respond(status, body)]).client();
            match operation {
                "process_upload" => client.documents().process(id()).await.unwrap(),
                _ => call(&client, operation).await.unwrap(),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn documents_can_have_metadata() {
    for meta in [json!({"canary": [1, null]}), json!(null), json!([]), json!("text")] {
        let body = json!({"data": {"id": ID, "attributes": null}, "meta": meta});
        for operation in ["create_patient", "get_appointment", "update_appointment"] {
            call(&Service::script([Behavior::body(body.clone())]).client(), operation).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reads_times_in_every_format() {
    for text in [
        "2030-01-01 09:00:00",
        "2030-01-01T09:00:00",
        "2030-01-01T09:00:00Z",
        "2030-01-01T09:00:00.000Z",
        "2030-01-01T09:00:00+00:00",
        "2030-01-01T10:00:00.000000+01:00",
    ] {
        let body = json!({"data": {"id": ID, "attributes": {"start-time": text}}});
        let client = Service::script([Behavior::body(body)]).client();
        let appointment = client.appointments().get(id()).await.unwrap();
        assert_eq!(appointment.start, Some("2030-01-01T09:00:00Z".parse().unwrap()), "{text}");
    }
}

/// Creates a patient, and returns the error's code, the ID that exists, and whether the patient exists already.
async fn refusal(status: u16, body: Value) -> (Option<String>, Option<String>, bool) {
    let client = Service::script([respond(status, body)]).client();
    let error = client.patients().create(patient()).await.unwrap_err();
    let text = format!("{error} {error:?} {error:#?}");
    assert!(!text.contains("canary"), "{text}");
    let to_owned = |text: Option<&str>| text.map(str::to_owned);
    (to_owned(error.code()), to_owned(error.existing_id()), error.is_already_exists())
}

#[tokio::test(start_paused = true)]
async fn recognizes_what_exists_already_by_status_code_or_metadata() {
    let errors = |error: Value| json!({"errors": [error]});
    let duplicate = || Some("duplicate-channel".to_owned());
    for code in ["DuplicateChannel", "duplicate_channel", "DUPLICATE-CHANNEL", "duplicateChannel"] {
        for status in [400, 409, 422] {
            assert_eq!(
                refusal(status, errors(json!({"code": code}))).await,
                (duplicate(), None, true),
                "{code}"
            );
        }
    }
    let named = errors(json!({"code": "DuplicateChannel", "meta": {"id": "canary-id", "other": 1}}));
    assert_eq!(refusal(409, named).await, (duplicate(), Some("canary-id".to_owned()), true));
    let unnamed = errors(json!({"meta": {"id": "canary-id"}}));
    assert_eq!(refusal(422, unnamed).await, (None, Some("canary-id".to_owned()), true));
    for (status, body, expected) in [
        (409, Value::Null, true),
        (409, json!({"errors": "canary"}), true),
        (409, errors(json!({"meta": null})), true),
        (422, errors(json!({"detail": "The username canary is already in use."})), true),
        (422, errors(json!({"title": "Username taken"})), true),
        (400, errors(json!({"detail": "A user with this email already exists."})), true),
        (409, errors(json!({"code": "OrganizationLocked"})), false),
        (422, Value::Null, false),
        (422, errors(json!({"detail": "The organization does not exist."})), false),
        (422, errors(json!({"code": "Invalid", "meta": [1]})), false),
        (404, errors(json!({"meta": {"id": "canary-id"}})), false),
        (503, errors(json!({"code": "DuplicateChannel"})), false),
    ] {
        let (_, existing_id, is_already_exists) = refusal(status, body.clone()).await;
        assert_eq!((existing_id, is_already_exists), (None, expected), "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn conflict_of_another_operation_is_not_an_existing_resource() {
    for operation in ["resend_invitation", "update_appointment", "delete_appointment"] {
        let error =
            call(&Service::script([respond(409, Value::Null)]).client(), operation).await.unwrap_err();
        assert!(!error.is_already_exists(), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_with_thousands_of_errors_is_short() {
    let error = json!({"code": "x".repeat(5000), "detail": "é".repeat(5000), "source": {"pointer": "/data/attributes/email"}});
    let body = json!({"errors": vec![error; 5000]});
    let error =
        Service::script([respond(422, body)]).client().patients().create(patient()).await.unwrap_err();
    assert_eq!(error.problems().len(), 100);
    assert!(error.problems().iter().all(|problem| problem.detail().unwrap().len() <= 2048));
    let text = error.to_string();
    assert!(text.len() < 2048 && text.ends_with("; and 80 more problems"), "{text}");
    assert!(format!("{error:#?}").len() < 64 * 1024);
}
