//! The fake: what several calls come to, by the service's rules.

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
async fn the_second_evening_creates_nobody_twice() {
    let fake = FakeCarium::new();
    let ada = patient(&fake, "ada.quill@example.com");
    let first = admit(&fake, &fake, ada.clone()).await.unwrap();
    assert!(matches!(first, Admission::Admitted(_)));
    assert_eq!(admit(&fake, &fake, ada).await.unwrap(), Admission::AlreadyThere);
    assert_eq!(fake.patients().len(), 1);
    assert_eq!(fake.invitations_to("ada.quill@example.com").len(), 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_one_patient_and_a_question() {
    let fake = FakeCarium::new();
    fake.set_faults([Fault::on(&operations::CREATE_PATIENT).lose_response()]);
    let ada = patient(&fake, "ada.quill@example.com");
    assert_eq!(admit(&fake, &fake, ada).await.unwrap(), Admission::LookFirst);
    assert_eq!(fake.patients().len(), 1, "it was created all the same");
    assert!(fake.unused_faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_is_asked_again_by_the_client() {
    let fake = FakeCarium::new();
    fake.set_faults([Fault::on(&operations::CREATE_PATIENT).calls(1..=2).respond(503)]);
    let admission = admit(&fake, &fake, patient(&fake, "ada.quill@example.com")).await.unwrap();
    assert!(matches!(admission, Admission::Admitted(_)));
    fake.set_faults([Fault::on(&operations::CREATE_PATIENT).every_call().respond(503)]);
    let admission = admit(&fake, &fake, patient(&fake, "joe.quill@example.com")).await.unwrap();
    assert_eq!(admission, Admission::Later);
}
