//! Health information and secrets do not appear in logs, in `Debug` and `Display` output or in error chains.
//!
//! The test puts canaries into all private fields and into all responses of the service, and searches for them
//! in the output. The logs include those of the HTTP stack, at level TRACE.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::time::Duration;

use carium::api::ClientCaredbExt as _;
use carium::appointments::{AppointmentUpdate, NewAppointment};
use carium::patients::Gender;
use carium::{Credentials, ListOptions, NewInvitation, NewPatient, OneTimeCode};
use futures_util::StreamExt as _;
use serde_json::json;
use support::http_service::{HttpService, Reply};
use support::log::{Log, all_output, assert_contains_none};

fn replies() -> Vec<Reply> {
    let canaries = json!({"errors": [{
        "id": "canary-id", "code": "canary-code", "title": "canary-title", "detail": "canary-detail",
        "source": {"pointer": "/data/attributes/canary-pointer", "parameter": "canary-parameter"},
        "meta": {"canary-meta": "canary-meta"},
    }]});
    let item = json!({"id": support::ID, "attributes": {
        "name": "canary-name", "description": "canary-description", "start-time": "canary-time", "x": "canary-unknown",
    }});
    let next = "/caredb/v1/org-practitioners/?canary=canary-link";
    vec![
        Reply::json(200, &json!({"data": item}).to_string()),
        Reply::json(200, &json!({"data": [item], "links": {"next": next}}).to_string()),
        Reply::json(422, &canaries.to_string()),
        Reply::json(500, &canaries.to_string()),
        Reply::with(503, "text/html", &[("x-request-id", "canary{id}")], "<html>canary-html</html>"),
        Reply::with(307, "text/html", &[("location", "http://127.0.0.1/canary-location")], "canary-redirect"),
        Reply::json(200, "canary-body"),
        Reply::json(200, r#"{"data": {"id": "canary-id"}}"#),
        Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\ncanary-cut".to_vec()),
        Reply::Bytes(b"canary-not-http\r\n\r\n".to_vec()),
        Reply::json(401, &canaries.to_string()),
    ]
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "the log can be captured only once per process")]
async fn health_information_and_secrets_do_not_appear_in_any_output() {
    let log = Log::capture_all();
    let mut output = String::new();

    for reply in replies() {
        let service = HttpService::start(move |path| {
            if path.contains("login") {
                Reply::json(200, r#"{"access-token": "canary-token"}"#)
            } else {
                reply.clone()
            }
        })
        .await;
        let code = OneTimeCode::single_use("canary-code");
        let credentials = Credentials::new("canary-username", "canary-password").unwrap().one_time_code(code);
        output.push_str(&format!("{credentials:?} {credentials:#?}"));
        let builder = service.builder().credentials(credentials).call_timeout(Duration::from_secs(1));
        output.push_str(&format!("{builder:?}"));
        let client = builder.build().unwrap();
        output.push_str(&format!("{client:?}"));

        let patient = NewPatient::builder()
            .first_name("canary-first")
            .last_name("canary-last")
            .birth_date("1811-02-03")
            .gender(Gender::Female)
            .email("canary@example.com")
            .mobile_phone("+15559990000")
            .organization(support::ORGANIZATION.parse().unwrap());
        output.push_str(&format!("{patient:?}"));
        let patient = patient.build().unwrap();
        output.push_str(&format!("{patient:?} {patient:#?}"));
        let invitation = NewInvitation::by_email("canary@example.com").unwrap();
        output.push_str(&format!("{invitation:?}"));
        let (start, end) = ("1812-01-01T09:00:00Z".parse().unwrap(), "1812-01-01T10:00:00Z".parse().unwrap());
        let appointment = NewAppointment::builder()
            .organization(support::ORGANIZATION.parse().unwrap())
            .patient(support::ID.parse().unwrap())
            .practitioner(support::ID.parse().unwrap())
            .status(support::ID.parse().unwrap())
            .appointment_type(support::ID.parse().unwrap())
            .between(start, end)
            .guest_url("https://canary.example.com/guest")
            .host_url("https://canary.example.com/host")
            .description("canary-description")
            .patient_instruction("canary-instruction")
            .location("canary-location")
            .build()
            .unwrap();
        let update = AppointmentUpdate::default().between(start, end).description("canary-description");
        output.push_str(&format!("{appointment:?} {update:?}"));

        let id = support::ID.parse().unwrap();
        let appointments = client.appointments();
        let mut errors = vec![
            client.patients().create(patient).await.err(),
            client.invitations().send(invitation).await.err(),
            appointments.create(appointment).await.err(),
            appointments.update(id, update).await.err(),
            appointments.delete(id).await.err(),
        ];
        match appointments.get(id).await {
            Ok(appointment) => output.push_str(&format!("{appointment:?}")),
            Err(error) => errors.push(Some(error)),
        }
        let mut practitioners = appointments.practitioners(ListOptions::default());
        while let Some(item) = practitioners.next().await {
            match item {
                Ok(practitioner) => output.push_str(&format!("{practitioner:?}")),
                Err(error) => errors.push(Some(error)),
            }
        }
        errors.iter().flatten().for_each(|error| output.push_str(&all_output(error)));
        // Errors of the low-level client contain the responses.
        if let Err(error) = client.api().get_appointment().id(support::ID).send().await {
            output.push_str(&format!("{error} {error:?} {error:#?}"));
        }
    }
    // A login that fails with a description, and an HTTP client with verbose logs.
    for status in [200, 401, 500] {
        let service = HttpService::start(move |_| Reply::json(status, r#"{"canary-login": "canary"}"#)).await;
        let verbose_http_client = reqwest::Client::builder().connection_verbose(true);
        let secret = OneTimeCode::from_totp_secret(&"JBSWY3DPEHPK3PXP".into()).unwrap();
        let credentials =
            Credentials::new("canary-username", "canary-password").unwrap().one_time_code(secret);
        output.push_str(&format!("{credentials:?}"));
        let client =
            service.builder().credentials(credentials).http_client(verbose_http_client).build().unwrap();
        let error = client.appointments().get(support::ID.parse().unwrap()).await.unwrap_err();
        output.push_str(&all_output(&error));
    }
    // A page link with a canary, to a page without a response.
    let service = HttpService::start(|path| match path {
        path if path.contains("login") => Reply::json(200, r#"{"access-token": "canary-token"}"#),
        path if path.contains("canary-link") => Reply::Bytes(Vec::new()),
        _ => Reply::json(200, r#"{"data": [], "links": {"next": "?canary=canary-link"}}"#),
    })
    .await;
    let client = service.builder().build().unwrap();
    let mut practitioners = client.appointments().practitioners(ListOptions::default());
    output.push_str(&all_output(&practitioners.next().await.unwrap().unwrap_err()));

    let rejected = [
        NewPatient::builder()
            .first_name("")
            .email("canary")
            .birth_date("canary")
            .username("canary")
            .build()
            .err(),
        NewInvitation::new(" ", []).err(),
    ];
    rejected.iter().flatten().for_each(|error| output.push_str(&all_output(error)));

    let log = log.text();
    assert!(
        log.contains("TRACE") && log.contains("hyper"),
        "the log contains the HTTP stack: {} bytes",
        log.len()
    );
    assert!(log.contains("carium.operation=\"create_patient\""), "the log contains our crates");
    let canaries = ["canary", "1811-02", "1812-01", "5559990000", "JBSWY3DP", "Female", "female"];
    assert_contains_none(&canaries, &[&output, &log]);
}
