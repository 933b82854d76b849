//! What the page on errors says, held against the client: what is repeated, by which class, and the kinds of errors.

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
const KINDS: &str = "| `error.kind()` | when | do |";
const CLASSES: [RetryClass; 3] = [RetryClass::Safe, RetryClass::Idempotent, RetryClass::Create];

/// The table below this head, row by row and cell by cell.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let (_, table) = PAGE.split_once(head).unwrap_or_else(|| panic!("the page has no {head}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The statuses of HTTP that a text names.
fn statuses(text: &str) -> impl Iterator<Item = u16> {
    let words = text.split(|letter: char| !letter.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).filter(|status| *status > 99)
}

/// An operation of a class.
fn of(class: RetryClass) -> &'static Operation {
    match class {
        RetryClass::Safe => &operations::GET_APPOINTMENT,
        RetryClass::Idempotent => &operations::DELETE_APPOINTMENT,
        RetryClass::Create => &operations::CREATE_PATIENT,
    }
}

/// Calls the operation of a class, which fails.
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

/// What came of a call, in the words of the page.
fn in_words(error: &Error) -> &'static str {
    match (error.attempts() > 1, error.may_have_been_applied()) {
        (true, false) => "repeated",
        (true, true) => "repeated, then in doubt",
        (false, false) => "fails",
        (false, true) => "in doubt",
    }
}

/// A way to the service on which no connection is made once someone has signed in.
struct NoWay;

#[async_trait]
impl Transport for NoWay {
    async fn send(
        &self,
        operation: &'static Operation,
        _: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        if *operation == operations::LOGIN {
            return Ok(Response::new(Bytes::from_static(br#"{"access-token": "token"}"#)));
        }
        Err(TransportFailure::not_sent("there is no way").into())
    }
}

/// What comes of a call of this class for each failure that a row of the page is about.
async fn found(what: &str, class: RetryClass) -> Vec<&'static str> {
    if what == "the connection was never made" {
        let builder = Carium::builder().credentials(Credentials::new("username", "password").unwrap());
        let builder = builder.organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap());
        let carium = builder.transport(Arc::new(NoWay)).build().unwrap();
        return vec![in_words(&call(&carium, class).await)];
    }
    let on = || Fault::on(of(class)).every_call();
    let faults: Vec<Fault> = if what == "the answer is lost, or does not come in time" {
        vec![on().reset(), on().hang()]
    } else {
        statuses(what).map(|status| on().respond(status)).collect()
    };
    assert!(!faults.is_empty(), "nothing is known of: {what}");
    let mut found = Vec::new();
    for fault in faults {
        let fake = FakeCarium::new();
        fake.set_faults([fault]);
        found.push(in_words(&call(fake.client(), class).await));
    }
    found
}

#[tokio::test(start_paused = true)]
async fn each_row_is_what_the_client_does() {
    let rows = table("| what happens | `safe` | `idempotent` | `create` |");
    assert!(rows.len() > 5);
    for row in rows {
        for (class, said) in CLASSES.into_iter().zip(&row[1..]) {
            for found in found(row[0], class).await {
                assert_eq!(found, *said, "{}, {class:?}", row[0]);
            }
        }
    }
}

#[test]
fn each_operation_is_in_the_row_of_its_class() {
    let mut missing: HashSet<_> = operations::ALL.iter().map(|operation| operation.id).collect();
    for (row, class) in table("| class | operations |").into_iter().zip(CLASSES) {
        assert_eq!(row[0].trim_matches('`'), format!("{class:?}").to_lowercase());
        let of_class = operations::ALL.iter().filter(|operation| operation.retry == class);
        for operation in of_class {
            let is_list = operation.id.starts_with("list_") && row[1].contains("all lists");
            assert!(
                is_list || row[1].contains(&format!("`{}`", operation.id)),
                "{} is not said",
                operation.id
            );
            missing.remove(operation.id);
        }
        let named = row[1].split('`').skip(1).step_by(2);
        for name in named {
            let known = operations::ALL.iter().find(|operation| operation.id == name);
            assert_eq!(known.map(|operation| operation.retry), Some(class), "{name}");
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(start_paused = true)]
async fn each_status_has_its_kind() {
    for row in table(KINDS) {
        for status in statuses(row[1]) {
            let fake = FakeCarium::new();
            fake.set_faults([Fault::on(&operations::GET_APPOINTMENT).every_call().respond(status)]);
            let error = call(fake.client(), RetryClass::Safe).await;
            assert_eq!(format!("`{:?}`", error.kind()), row[0], "{status}");
        }
    }
}

#[test]
fn every_kind_is_told() {
    // Who reads a kind that is none is told which there are.
    let message = serde_json::from_str::<ErrorKind>("\"none\"").unwrap_err().to_string();
    let kinds: Vec<String> = message.split('`').skip(3).step_by(2).map(name_of_kind).collect();
    let told: Vec<_> = table(KINDS).iter().map(|row| row[0]).collect();
    assert_eq!(told, kinds);
}

/// `InvalidInput` of `invalid-input`, as the page writes it.
fn name_of_kind(kebab: &str) -> String {
    let words = kebab.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
    format!("`{}`", words.collect::<String>())
}
