//! Tests with mocks: how each result of a call is handled, including rare ones.

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
async fn does_not_invite_if_creation_is_unknown() {
    let mut patients = MockPatients::new();
    let timed_out = || Error::new(ErrorKind::TimedOut, "no response").with_unknown_outcome();
    patients.expect_create().once().returning(move |_| Err(timed_out()));
    // No calls are expected, so any call fails the test.
    let invitations = MockInvitations::new();
    let admission = admit(&patients, &invitations, patient()).await;
    assert_eq!(admission.unwrap(), Admission::CreationUnknown);
}

#[tokio::test]
async fn maps_each_error_kind() {
    let error = |kind| Error::new(kind, "returned by a mock");
    for (kind, expected) in [
        (ErrorKind::Conflict, Some(Admission::UsernameTaken)),
        (ErrorKind::RateLimited, Some(Admission::RetryLater)),
        (ErrorKind::Unavailable, Some(Admission::RetryLater)),
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
async fn reports_unknown_invitation() {
    let mut patients = MockPatients::new();
    patients.expect_create().returning(|_| Ok(ID.parse().unwrap()));
    let mut invitations = MockInvitations::new();
    let lost = || Error::new(ErrorKind::Unavailable, "no response").with_unknown_outcome();
    invitations.expect_send().once().returning(move |_| Err(lost()));
    let admission = admit(&patients, &invitations, patient()).await.unwrap();
    assert_eq!(admission, Admission::InvitationUnknown(ID.parse().unwrap()));
}
