//! Mocks: what is done with each answer, however rare it is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium::patients::{Gender, NewPatient};
use carium::{Error, ErrorKind};
use carium_mock::expectations::{MockInvitations, MockPatients};
use clinic_sync::{Admission, admit};

const ID: &str = "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002";

fn patient() -> NewPatient {
    let patient = NewPatient::builder().first_name("Ada").last_name("Quill").birth_date("1990-02-28");
    let patient = patient.gender(Gender::Female).email("ada.quill@example.com");
    patient.organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap()).build().unwrap()
}

#[tokio::test]
async fn who_may_have_been_created_is_not_invited() {
    let mut patients = MockPatients::new();
    let lost = || Error::new(ErrorKind::TimedOut, "no answer").with_unknown_outcome();
    patients.expect_create().once().returning(move |_| Err(lost()));
    // Nothing is expected of it, so a call would fail the test.
    let invitations = MockInvitations::new();
    let admission = admit(&patients, &invitations, patient()).await;
    assert_eq!(admission.unwrap(), Admission::LookFirst);
}

#[tokio::test]
async fn each_answer_leads_somewhere() {
    let error = |kind| Error::new(kind, "said by a mock");
    for (kind, expected) in [
        (ErrorKind::Conflict, Some(Admission::AlreadyThere)),
        (ErrorKind::RateLimited, Some(Admission::Later)),
        (ErrorKind::Unavailable, Some(Admission::Later)),
        (ErrorKind::Rejected, None),
        (ErrorKind::Forbidden, None),
    ] {
        let mut patients = MockPatients::new();
        patients.expect_create().once().returning(move |_| Err(error(kind)));
        let admission = admit(&patients, &MockInvitations::new(), patient()).await;
        assert_eq!(admission.ok(), expected, "{kind:?}");
    }
    let mut patients = MockPatients::new();
    patients.expect_create().returning(|_| Ok(ID.parse().unwrap()));
    let mut invitations = MockInvitations::new();
    invitations.expect_send().once().returning(move |_| Err(error(ErrorKind::NotFound)));
    let admission = admit(&patients, &invitations, patient()).await.unwrap();
    assert_eq!(admission, Admission::NotInvited(ID.parse().unwrap()));
}

#[tokio::test]
async fn an_invitation_in_doubt_is_not_one_to_be_sent_again() {
    let mut patients = MockPatients::new();
    patients.expect_create().returning(|_| Ok(ID.parse().unwrap()));
    let mut invitations = MockInvitations::new();
    let lost = || Error::new(ErrorKind::Unavailable, "no answer").with_unknown_outcome();
    invitations.expect_send().once().returning(move |_| Err(lost()));
    let admission = admit(&patients, &invitations, patient()).await.unwrap();
    assert_eq!(admission, Admission::PerhapsInvited(ID.parse().unwrap()));
}
