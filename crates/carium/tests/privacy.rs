//! Health information and secrets do not appear in logs, in `Debug` and `Display` output or in error chains.
//!
//! The test puts canaries into all private fields and into all responses of the service, and searches for them
//! in the output. The logs include those of the HTTP stack, at level TRACE.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use std::fmt;
use std::time::Duration;

use carium::api::ClientCaredbExt as _;
use carium::appointments::AppointmentUpdate;
use carium::patients::Gender;
use carium::{Carium, Credentials, ListOptions, NewInvitation, NewPatient, OneTimeCode};
use futures_util::StreamExt as _;
use serde_json::json;
use support::http_service::{HttpService, Reply};
use support::id;
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

/// The `Debug` and `Display` output of all values, errors and their sources.
#[derive(Default)]
struct Output(String);

impl Output {
    fn add_debug(&mut self, value: &impl fmt::Debug) {
        self.0.push_str(&format!("{value:?} {value:#?}"));
    }

    fn add_errors(&mut self, errors: &[Option<carium::Error>]) {
        errors.iter().flatten().for_each(|error| self.0.push_str(&all_output(error)));
    }
}

fn credentials(code: OneTimeCode, output: &mut Output) -> Credentials {
    let credentials = Credentials::new("canary-username", "canary-password").unwrap().one_time_code(code);
    output.add_debug(&credentials);
    credentials
}

/// The reply to a login, or `reply` to all other requests.
fn login_or(path: &str, reply: &Reply) -> Reply {
    if path.contains("login") {
        Reply::json(200, r#"{"access-token": "canary-token"}"#)
    } else {
        reply.clone()
    }
}

/// Calls all operations with canaries in all private fields.
async fn call_all(client: &Carium, output: &mut Output) {
    output.add_debug(client);
    let patient = client
        .new_patient()
        .first_name("canary-first")
        .last_name("canary-last")
        .birth_date("1811-02-03")
        .gender(Gender::Female)
        .email("canary@example.com")
        .mobile_phone("+15559990000");
    output.add_debug(&patient);
    let patient = patient.build().unwrap();
    output.add_debug(&patient);
    let invitation = NewInvitation::by_email("canary@example.com").unwrap();
    output.add_debug(&invitation);
    let (start, end) = ("1812-01-01T09:00:00Z".parse().unwrap(), "1812-01-01T10:00:00Z".parse().unwrap());
    let appointment = support::appointment(client.new_appointment())
        .between(start, end)
        .guest_url("https://canary.example.com/guest")
        .host_url("https://canary.example.com/host")
        .description("canary-description")
        .patient_instruction("canary-instruction")
        .location("canary-location")
        .build()
        .unwrap();
    let update = AppointmentUpdate::default().between(start, end).description("canary-description");
    output.add_debug(&(&appointment, &update));

    let appointments = client.appointments();
    let mut errors = vec![
        client.patients().create(patient).await.err(),
        client.invitations().send(invitation).await.err(),
        appointments.create(appointment).await.err(),
        appointments.update(id(), update).await.err(),
        appointments.delete(id()).await.err(),
    ];
    match appointments.get(id()).await {
        Ok(appointment) => output.add_debug(&appointment),
        Err(error) => errors.push(Some(error)),
    }
    let mut practitioners = appointments.practitioners(ListOptions::default());
    while let Some(item) = practitioners.next().await {
        match item {
            Ok(practitioner) => output.add_debug(&practitioner),
            Err(error) => errors.push(Some(error)),
        }
    }
    output.add_errors(&errors);
    // Errors of the low-level client contain the responses.
    if let Err(error) = client.api().get_appointment().id(support::ID).send().await {
        output.0.push_str(&error.to_string());
        output.add_debug(&error);
    }
}

// The log can be captured only once per process, so one test covers all cases.
#[tokio::test]
async fn health_information_and_secrets_do_not_appear_in_any_output() {
    let log = Log::capture_all();
    let mut output = Output::default();

    for reply in replies() {
        let service = HttpService::start(move |path| login_or(path, &reply)).await;
        let credentials = credentials(OneTimeCode::single_use("canary-code"), &mut output);
        let builder = service.builder().credentials(credentials).call_timeout(Duration::from_secs(1));
        output.add_debug(&builder);
        call_all(&builder.build().unwrap(), &mut output).await;
    }
    // A login that fails with a description, and an HTTP client with verbose logs.
    for status in [200, 401, 500] {
        let service = HttpService::start(move |_| Reply::json(status, r#"{"canary-login": "canary"}"#)).await;
        let verbose_http_client = reqwest::Client::builder().connection_verbose(true);
        let code = OneTimeCode::from_totp_secret(&"JBSWY3DPEHPK3PXP".into()).unwrap();
        let builder = service.builder().credentials(credentials(code, &mut output));
        let client = builder.http_client(verbose_http_client).build().unwrap();
        output.add_errors(&[client.appointments().get(id()).await.err()]);
    }
    // A page link with a canary, to a page without a response.
    let service = HttpService::start(|path| {
        let page = if path.contains("canary-link") {
            Reply::Bytes(Vec::new())
        } else {
            Reply::json(200, r#"{"data": [], "links": {"next": "?canary=canary-link"}}"#)
        };
        login_or(path, &page)
    })
    .await;
    let client = service.builder().build().unwrap();
    let mut practitioners = client.appointments().practitioners(ListOptions::default());
    output.add_errors(&[Some(practitioners.next().await.unwrap().unwrap_err())]);

    let invalid_patient =
        NewPatient::builder().first_name("").email("canary").birth_date("canary").username("canary");
    output.add_errors(&[invalid_patient.build().err(), NewInvitation::new(" ", []).err()]);

    let log = log.text();
    assert!(
        log.contains("TRACE") && log.contains("hyper"),
        "the log contains the HTTP stack: {} bytes",
        log.len()
    );
    assert!(log.contains("carium.operation=\"create_patient\""), "the log contains our crates");
    let canaries = ["canary", "1811-02", "1812-01", "5559990000", "JBSWY3DP", "Female", "female"];
    assert_contains_none(&canaries, &[&output.0, &log]);
}
