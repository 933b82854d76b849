//! Checks the tables on the guide's page about errors against the behavior of the client.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use carium::api::bytes::Bytes;
use carium::api::http::{Request, Response};
use carium::api::{Operation, RetryClass, Transport, TransportError, operations};
use carium::appointments::AppointmentId;
use carium::patients::Gender;
use carium::{Carium, Credentials, Error, ErrorKind, TransportFailure};
use carium_mock::{FakeCarium, Fault};

const PAGE: &str = include_str!("../src/errors.md");
const CLASSES_HEADER: &str = "| class | operations |";
const FAILURES_HEADER: &str = "| failure | `safe` | `idempotent` | `create` |";
const KINDS_HEADER: &str = "| `error.kind()` | cause | what to do |";
const CLASSES: [RetryClass; 3] = [RetryClass::Safe, RetryClass::Idempotent, RetryClass::Create];

/// Returns the cells of the table with this header row.
fn table(header: &str) -> Vec<Vec<&'static str>> {
    let (_, table) = PAGE.split_once(header).unwrap_or_else(|| panic!("the page has no table {header}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// Returns the HTTP statuses in a text.
fn statuses(text: &str) -> impl Iterator<Item = u16> {
    let words = text.split(|character: char| !character.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).filter(|status| *status > 99)
}

/// Returns an example operation of a class.
fn example_operation(class: RetryClass) -> &'static Operation {
    match class {
        RetryClass::Safe => &operations::GET_APPOINTMENT,
        RetryClass::Idempotent => &operations::DELETE_APPOINTMENT,
        RetryClass::Create => &operations::CREATE_PATIENT,
    }
}

/// Calls the example operation of a class, and returns its error.
async fn call(carium: &Carium, class: RetryClass) -> Error {
    let id: AppointmentId = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002".parse().unwrap();
    match class {
        RetryClass::Safe => carium.appointments().get(id).await.unwrap_err(),
        RetryClass::Idempotent => carium.appointments().delete(id).await.unwrap_err(),
        RetryClass::Create => {
            let patient = carium.new_patient().first_name("Ada").last_name("Quill").birth_date("1984-02-29");
            let patient = patient.gender(Gender::Female).email("ada.quill@example.com").build().unwrap();
            carium.patients().create(patient).await.unwrap_err()
        }
    }
}

/// Describes the outcome of a failed call in the words of the page.
fn describe(error: &Error) -> &'static str {
    match (error.attempts() > 1, error.may_have_been_applied()) {
        (true, false) => "retried",
        (true, true) => "retried, then outcome unknown",
        (false, false) => "fails",
        (false, true) => "outcome unknown",
    }
}

/// A transport that accepts the sign-in, and cannot connect for other calls.
struct NoConnection;

#[async_trait]
impl Transport for NoConnection {
    async fn send(
        &self,
        operation: &Operation,
        _: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        if *operation == operations::LOGIN {
            return Ok(Response::new(Bytes::from_static(br#"{"access-token": "token"}"#)));
        }
        Err(TransportFailure::not_sent("no connection").into())
    }
}

/// Causes each failure of a row, and returns the outcomes for this class.
async fn observed_outcomes(failure: &str, class: RetryClass) -> Vec<&'static str> {
    if failure == "no connection" {
        let builder = Carium::builder().credentials(Credentials::new("username", "password").unwrap());
        let builder = builder.organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap());
        let carium = builder.transport(Arc::new(NoConnection)).build().unwrap();
        return vec![describe(&call(&carium, class).await)];
    }
    let fault = || Fault::on(example_operation(class)).every_call();
    let faults: Vec<Fault> = if failure == "lost response or timeout" {
        vec![fault().reset(), fault().hang()]
    } else {
        statuses(failure).map(|status| fault().respond(status)).collect()
    };
    assert!(!faults.is_empty(), "the test cannot cause the failure: {failure}");
    let mut outcomes = Vec::new();
    for fault in faults {
        let fake = FakeCarium::new();
        fake.set_faults([fault]);
        outcomes.push(describe(&call(fake.client(), class).await));
    }
    outcomes
}

#[tokio::test(start_paused = true)]
async fn failures_have_documented_outcomes() {
    let rows = table(FAILURES_HEADER);
    assert!(rows.len() > 5);
    for row in rows {
        for (class, documented) in CLASSES.into_iter().zip(&row[1..]) {
            for observed in observed_outcomes(row[0], class).await {
                assert_eq!(observed, *documented, "{}, {class:?}", row[0]);
            }
        }
    }
}

#[test]
fn every_operation_has_documented_class() {
    let mut undocumented: HashSet<_> = operations::ALL.iter().map(|operation| operation.id).collect();
    for (row, class) in table(CLASSES_HEADER).into_iter().zip(CLASSES) {
        assert_eq!(row[0].trim_matches('`'), format!("{class:?}").to_lowercase());
        for operation in operations::ALL.iter().filter(|operation| operation.retry == class) {
            let is_list = operation.id.starts_with("list_") && row[1].contains("all lists");
            assert!(
                is_list || row[1].contains(&format!("`{}`", operation.id)),
                "add `{}` to the row `{}` of the table of retry classes in docs/src/errors.md",
                operation.id,
                row[0].trim_matches('`')
            );
            undocumented.remove(operation.id);
        }
        for name in row[1].split('`').skip(1).step_by(2) {
            let operation = operations::ALL.iter().find(|operation| operation.id == name);
            assert_eq!(operation.map(|operation| operation.retry), Some(class), "{name}");
        }
    }
    assert!(undocumented.is_empty(), "{undocumented:?}");
}

#[tokio::test(start_paused = true)]
async fn statuses_have_documented_kinds() {
    for row in table(KINDS_HEADER) {
        for status in statuses(row[1]) {
            let fake = FakeCarium::new();
            fake.set_faults([Fault::on(&operations::GET_APPOINTMENT).every_call().respond(status)]);
            let error = call(fake.client(), RetryClass::Safe).await;
            assert_eq!(format!("`{:?}`", error.kind()), row[0], "{status}");
        }
    }
}

#[test]
fn every_kind_is_documented() {
    // The error of serde for an unknown variant lists all variants.
    let message = serde_json::from_str::<ErrorKind>("\"none\"").unwrap_err().to_string();
    let kinds: Vec<String> = message.split('`').skip(3).step_by(2).map(page_name).collect();
    let documented: Vec<_> = table(KINDS_HEADER).iter().map(|row| row[0]).collect();
    assert_eq!(documented, kinds);
}

/// Converts the name of a kind in JSON, such as `invalid-input`, to its name on the page.
fn page_name(kebab_case: &str) -> String {
    let words = kebab_case.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
    format!("`{}`", words.collect::<String>())
}
