//! The rules of the fake, and the methods that inspect its state.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::num::NonZeroU64;
use std::time::Duration;

use carium::api::{ClientCaredbExt as _, types};
use carium::appointments::{AppointmentUpdate, NewAppointment};
use carium::documents::{DocumentQuery, NewDocument, Sha256Digest, UploadSource};
use carium::invitations::NotificationChannel;
use carium::patients::{Gender, IndividualId, NewPatient, NewPatientBuilder};
use carium::{ErrorKind, ListOptions, NewInvitation};
use carium_mock::FakeCarium;
use futures_util::TryStreamExt as _;

fn patient(fake: &FakeCarium) -> NewPatientBuilder {
    let patient = NewPatient::builder().first_name("James").last_name("Reece").birth_date("1980-07-04");
    patient.gender(Gender::Male).organization(fake.organization())
}

/// Returns the status and the fields of the problems in an error.
fn status_and_fields(error: &carium::Error) -> (Option<u16>, Vec<&str>) {
    (error.status(), error.problems().iter().filter_map(|problem| problem.field()).collect())
}

#[tokio::test]
async fn creates_and_invites_patient() {
    let fake = FakeCarium::new();
    let new = patient(&fake).email("james.reece@example.com").mobile_phone("+15551234567").build().unwrap();
    let id = fake.client().patients().create(new.clone()).await.unwrap();
    let patients = fake.patients();
    assert_eq!(patients.len(), 1);
    assert_eq!((patients[0].0, patients[0].1.first_name.as_str()), (id, "James"));
    fake.client()
        .invitations()
        .send(NewInvitation::by_email("james.reece@example.com").unwrap())
        .await
        .unwrap();
    fake.client()
        .invitations()
        .send(NewInvitation::by_sms("james.reece@example.com").unwrap())
        .await
        .unwrap();
    let channels = [vec![NotificationChannel::Email], vec![NotificationChannel::Sms]];
    assert_eq!(fake.invitations_to("james.reece@example.com"), channels);
    let operations: Vec<_> = fake.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["login", "create_patient", "resend_invitation", "resend_invitation"]);
}

#[tokio::test]
async fn usernames_are_unique_but_phone_numbers_are_not() {
    let fake = FakeCarium::new();
    let create = |patient: NewPatientBuilder| {
        let fake = fake.clone();
        async move { fake.client().patients().create(patient.build().unwrap()).await }
    };
    create(patient(&fake).email("a@example.com").mobile_phone("+15550000001")).await.unwrap();
    create(patient(&fake).email("b@example.com").mobile_phone("+15550000001")).await.unwrap();
    let error = create(patient(&fake).email("a@example.com")).await.unwrap_err();
    assert_eq!(
        (error.kind(), status_and_fields(&error)),
        (ErrorKind::Conflict, (Some(409), vec!["username"]))
    );
    let unknown_organization = patient(&fake)
        .email("c@example.com")
        .organization("8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap());
    assert_eq!(
        status_and_fields(&create(unknown_organization).await.unwrap_err()),
        (Some(422), vec!["organization-id"])
    );
    let group = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap();
    let unknown_group = patient(&fake).email("c@example.com").groups([group]);
    assert_eq!(
        status_and_fields(&create(unknown_group).await.unwrap_err()),
        (Some(422), vec!["individual-group-ids"])
    );
    create(patient(&fake).email("c@example.com").groups([fake.add_group("Diabetes program")])).await.unwrap();
    assert_eq!(fake.patients().len(), 3);
}

#[tokio::test]
async fn invitations_need_an_existing_user_with_an_address() {
    let fake = FakeCarium::new();
    let by_email = NewInvitation::by_email("example@example.com").unwrap();
    assert_eq!(
        fake.client().invitations().send(by_email.clone()).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    fake.add_user("example@example.com");
    fake.client().invitations().send(by_email).await.unwrap();
    let with_phone = patient(&fake).mobile_phone("+15550000001").build().unwrap();
    fake.client().patients().create(with_phone).await.unwrap();
    let error =
        fake.client().invitations().send(NewInvitation::by_email("+15550000001").unwrap()).await.unwrap_err();
    assert_eq!(status_and_fields(&error), (Some(422), vec!["notifications"]));
    fake.client().invitations().send(NewInvitation::by_sms("+15550000001").unwrap()).await.unwrap();
}

fn appointment(fake: &FakeCarium, patient: IndividualId) -> NewAppointment {
    let time = |text: &str| text.parse().unwrap();
    fake.client()
        .new_appointment()
        .patient(patient)
        .practitioner(fake.practitioner("Dr. Quill"))
        .status(fake.appointment_status("Scheduled"))
        .appointment_type(fake.appointment_type("Video visit"))
        .between(time("2020-01-01T09:00:00Z"), time("2020-01-01T09:30:00Z"))
        .guest_url("https://example.com/guest")
        .location("Room 4")
        .build()
        .unwrap()
}

#[tokio::test]
async fn creates_reads_updates_and_deletes_appointment() {
    let fake = FakeCarium::new();
    let patient = fake.add_individual();
    let id = fake.client().appointments().create(appointment(&fake, patient)).await.unwrap();
    let read = fake.client().appointments().get(id).await.unwrap();
    assert_eq!((read.patient, read.location.as_deref()), (Some(patient), Some("Room 4")));
    assert_eq!(read.start, Some("2020-01-01T09:00:00Z".parse().unwrap()));
    let later = "2020-01-01T10:00:00Z".parse().unwrap();
    let update = AppointmentUpdate::default().between(later, "2020-01-01T10:30:00Z".parse().unwrap());
    assert_eq!(fake.client().appointments().update(id, update).await.unwrap().start, Some(later));
    assert_eq!(fake.appointments().len(), 1);
    fake.client().appointments().delete(id).await.unwrap();
    for error in [
        fake.client().appointments().get(id).await.unwrap_err(),
        fake.client().appointments().delete(id).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    assert!(fake.appointments().is_empty());
    let unknown_patient = "8d25a2a6-8219-40d1-a34f-c24ec69f4f72".parse().unwrap();
    let error = fake.client().appointments().create(appointment(&fake, unknown_patient)).await.unwrap_err();
    assert_eq!(status_and_fields(&error), (Some(422), vec!["individual-id"]));
}

#[tokio::test]
async fn lists_are_paginated() {
    let fake = FakeCarium::new();
    for index in 0..60 {
        fake.practitioner(&format!("Dr. {index}"));
    }
    assert_eq!(fake.practitioner("Dr. 7"), fake.practitioner("Dr. 7"));
    let size = |items| ListOptions::default().page_size(NonZeroU64::new(items).unwrap());
    for options in [ListOptions::default(), size(7), size(60), size(1000)] {
        let all: Vec<_> = fake.client().appointments().practitioners(options).try_collect().await.unwrap();
        let names: Vec<_> = all.into_iter().map(|practitioner| practitioner.name.unwrap()).collect();
        assert_eq!(names, (0..60).map(|index| format!("Dr. {index}")).collect::<Vec<_>>());
    }
}

fn document(fake: &FakeCarium, patient: IndividualId, name: &str) -> NewDocument {
    let document =
        fake.client().new_document().patient(patient).class(fake.document_class("Referral letter"));
    document.name(name).file_name(format!("{name}.pdf")).build().unwrap()
}

#[tokio::test]
async fn document_can_be_downloaded_after_upload_and_processing() {
    let fake = FakeCarium::new();
    let patient = fake.add_individual();
    let created = fake.client().documents().create(document(&fake, patient, "empty")).await.unwrap();
    assert_eq!(fake.client().documents().process(created.id).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(
        fake.client().documents().download_url(created.id).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    let content = vec![7; 700_000];
    let receipt = fake
        .client()
        .uploads()
        .upload(document(&fake, patient, "letter"), UploadSource::bytes(content.clone()))
        .await
        .unwrap();
    assert_eq!(receipt.sha256, Some(Sha256Digest::of(&content)));
    assert_eq!(fake.document_bytes(receipt.id).as_deref(), Some(&content[..]));
    assert_eq!(fake.documents().iter().filter(|document| document.is_processed).count(), 1);
    let mut written = Vec::new();
    fake.client().downloads().to_writer(receipt.id, &mut written).await.unwrap();
    assert!(written == content);
    let list =
        async |query: DocumentQuery| fake.client().documents().list(query).try_collect::<Vec<_>>().await;
    assert_eq!(list(DocumentQuery::default()).await.unwrap().len(), 2);
    assert_eq!(list(DocumentQuery::default().patient(fake.add_individual())).await.unwrap().len(), 0);
    let letters = list(DocumentQuery::default().patient(patient).filter("name", "letter")).await.unwrap();
    assert_eq!((letters.len(), letters[0].file_name.as_deref()), (1, Some("letter.pdf")));
    let error = list(DocumentQuery::default().filter("color", "red")).await.unwrap_err();
    assert_eq!(error.status(), Some(400));
}

#[tokio::test(start_paused = true)]
async fn presigned_forms_urls_and_tokens_expire() {
    let fake = FakeCarium::new();
    let patient = fake.add_individual();
    let receipt = fake
        .client()
        .uploads()
        .upload(document(&fake, patient, "letter"), UploadSource::bytes("x"))
        .await
        .unwrap();
    let url = fake.client().documents().download_url(receipt.id).await.unwrap();
    let created = fake.client().documents().create(document(&fake, patient, "late")).await.unwrap();
    tokio::time::advance(Duration::from_secs(7200)).await;
    let error = fake.client().transfers().get(&url, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    let file = carium::documents::FilePart::new("a", "b", 0, carium::documents::Content::Bytes("".into()));
    let error = fake.client().transfers().post(&created.form.unwrap(), file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    // The client signs in again automatically.
    fake.client().documents().download_url(receipt.id).await.unwrap();
    fake.revoke_tokens();
    fake.client().documents().download_url(receipt.id).await.unwrap();
    assert_eq!(fake.calls().iter().filter(|call| call.operation == "login").count(), 3);
}

#[tokio::test]
async fn usernames_are_case_insensitive() {
    let fake = FakeCarium::new();
    let create = |email: &str| {
        let (fake, new) = (fake.clone(), patient(&fake).email(email).build().unwrap());
        async move { fake.client().patients().create(new).await }
    };
    create("Ada@example.com").await.unwrap();
    fake.client().invitations().send(NewInvitation::by_email("ada@Example.com").unwrap()).await.unwrap();
    assert_eq!(fake.invitations_to("ADA@example.com").len(), 1);
    fake.add_user("Bea@example.com");
    for taken in ["ada@EXAMPLE.com", "bea@example.com"] {
        assert_eq!(create(taken).await.unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[tokio::test]
async fn sign_ins_do_not_affect_ids() {
    let ids = async |sign_ins: usize| {
        let fake = FakeCarium::new();
        for _ in 0..sign_ins {
            fake.revoke_tokens();
            fake.client()
                .appointments()
                .practitioners(ListOptions::default())
                .try_collect::<Vec<_>>()
                .await
                .unwrap();
        }
        fake.add_individual()
    };
    assert_eq!(ids(0).await, ids(3).await);
}

#[tokio::test]
async fn ids_depend_only_on_the_seed() {
    let ids = |seed| {
        let fake = FakeCarium::with_seed(seed);
        (fake.organization(), fake.practitioner("Dr. Quill"), fake.add_individual())
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
}

/// Sends the attributes with the generated API client, which does not check them, and returns the status of the
/// response.
async fn status_of_create(fake: &FakeCarium, attributes: types::NewAppointment) -> u16 {
    let data = types::required::CreateAppointmentData { attributes }.into();
    let body = types::required::CreateAppointmentRequest { data };
    let call = fake.client().api().create_appointment().body(body);
    let _ = call.send().await;
    fake.calls().last().unwrap().status.unwrap()
}

#[tokio::test]
async fn appointment_must_end_after_it_starts() {
    let fake = FakeCarium::new();
    let valid = appointment(&fake, fake.add_individual()).attributes().clone();
    assert_eq!(status_of_create(&fake, valid.clone()).await, 201);
    let mut backwards = valid.clone();
    (backwards.start_time, backwards.end_time) = (valid.end_time, valid.start_time);
    assert_eq!(status_of_create(&fake, backwards).await, 422);
    let mut empty = valid;
    empty.end_time = empty.start_time;
    assert_eq!(status_of_create(&fake, empty).await, 422);
    assert_eq!(fake.appointments().len(), 1);
}

#[tokio::test]
async fn video_channel_cannot_be_combined_with_urls() {
    let fake = FakeCarium::new();
    let valid = appointment(&fake, fake.add_individual());
    let mut both = valid.attributes().clone();
    both.add_video_channel = true;
    assert_eq!(status_of_create(&fake, both).await, 422);
    // The client allows each of the two steps, because it checks only one request at a time.
    let id = fake.client().appointments().create(valid).await.unwrap();
    let channel = AppointmentUpdate::default().video_channel(true);
    let error = fake.client().appointments().update(id, channel).await.unwrap_err();
    assert_eq!((error.kind(), error.problems()[0].field()), (ErrorKind::Rejected, Some("guest-url")));
    assert_eq!(fake.client().appointments().get(id).await.unwrap().has_video_channel, Some(false));
}
