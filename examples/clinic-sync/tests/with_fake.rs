//! Tests with the fake: the results of several calls, by the rules of the service.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium::NewPatient;
use carium::api::operations;
use carium::patients::Gender;
use carium_mock::{FakeCarium, Fault};
use clinic_sync::{Admission, admit};

fn patient(fake: &FakeCarium, email: &str) -> NewPatient {
    let patient = fake.client().new_patient().first_name("Ada").last_name("Quill").birth_date("1990-02-28");
    patient.gender(Gender::Female).email(email).build().unwrap()
}

#[tokio::test]
async fn second_run_creates_no_duplicate() {
    let fake = FakeCarium::new();
    let (patients, invitations) = (fake.client().patients(), fake.client().invitations());
    let ada = patient(&fake, "ada.quill@example.com");
    let first = admit(&**patients, &**invitations, ada.clone()).await.unwrap();
    assert!(matches!(first, Admission::Invited(_)));
    assert_eq!(admit(&**patients, &**invitations, ada).await.unwrap(), Admission::UsernameTaken);
    assert_eq!(fake.patients().len(), 1);
    assert_eq!(fake.invitations_to("ada.quill@example.com").len(), 1);
}

#[tokio::test]
async fn lost_response_leaves_creation_unknown() {
    let fake = FakeCarium::new();
    let (patients, invitations) = (fake.client().patients(), fake.client().invitations());
    fake.set_faults([Fault::on(&operations::CREATE_PATIENT).lose_response()]);
    let ada = patient(&fake, "ada.quill@example.com");
    assert_eq!(admit(&**patients, &**invitations, ada).await.unwrap(), Admission::CreationUnknown);
    assert_eq!(fake.patients().len(), 1, "the patient was created although the response was lost");
    assert!(fake.unused_faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn client_retries_while_service_is_unavailable() {
    let fake = FakeCarium::new();
    let (patients, invitations) = (fake.client().patients(), fake.client().invitations());
    fake.set_faults([Fault::on(&operations::CREATE_PATIENT).calls(1..=2).respond(503)]);
    let admission =
        admit(&**patients, &**invitations, patient(&fake, "ada.quill@example.com")).await.unwrap();
    assert!(matches!(admission, Admission::Invited(_)));
    fake.set_faults([Fault::on(&operations::CREATE_PATIENT).every_call().respond(503)]);
    let admission =
        admit(&**patients, &**invitations, patient(&fake, "joe.quill@example.com")).await.unwrap();
    assert_eq!(admission, Admission::RetryLater);
}
