//! Test cases that call one trait with data that was created through another.

use carium::ErrorKind;
use carium::invitations::NewInvitation;

use super::assertions::{CaseResult, ensure, ensure_eq, ensure_field_rejected, ensure_ok};
use super::documents::list_ids_of_patient;
use super::fixture::FullFixture;
use super::steps::{
    appointment_builder, create_appointment, create_patient, document_builder, get_appointment,
    patient_builder, random_phone, store_document, try_invite, unique_email,
};

pub(super) async fn created_patient_can_be_invited(fixture: &dyn FullFixture) -> CaseResult {
    let (email, other_email, phone) = (unique_email(), unique_email(), random_phone());
    create_patient(fixture, patient_builder(fixture).email(&email).mobile_phone(random_phone())).await?;
    let patient = patient_builder(fixture).email(other_email).mobile_phone(&phone).username(&phone);
    create_patient(fixture, patient).await?;
    for username in [email, phone] {
        for invitation in [NewInvitation::by_email(&username), NewInvitation::by_sms(&username)] {
            ensure_ok("inviting a created patient", try_invite(fixture, invitation).await?)?;
        }
    }
    Ok(())
}

pub(super) async fn rejects_invitation_without_contact(fixture: &dyn FullFixture) -> CaseResult {
    let (email, phone) = (unique_email(), random_phone());
    create_patient(fixture, patient_builder(fixture).email(&email)).await?;
    create_patient(fixture, patient_builder(fixture).mobile_phone(&phone)).await?;
    for (username, possible, impossible) in [
        (&email, NewInvitation::by_email(&email), NewInvitation::by_sms(&email)),
        (&phone, NewInvitation::by_sms(&phone), NewInvitation::by_email(&phone)),
    ] {
        let before = fixture.invitations_sent_to(username);
        let result = try_invite(fixture, impossible).await?;
        let checked = "inviting a patient by a channel for which they have no contact";
        let kinds = [ErrorKind::Rejected, ErrorKind::NotFound];
        ensure_field_rejected(fixture, "notifications", checked, result, &kinds)?;
        let after = fixture.invitations_sent_to(username);
        ensure_eq("the invitations after a rejected one", &after, &before)?;
        let checked = "inviting a patient by the channel for which they have a contact";
        ensure_ok(checked, try_invite(fixture, possible).await?)?;
    }
    Ok(())
}

pub(super) async fn created_patient_can_have_appointments(fixture: &dyn FullFixture) -> CaseResult {
    let patient = create_patient(fixture, patient_builder(fixture).email(unique_email())).await?;
    let id = create_appointment(fixture, appointment_builder(fixture)?.patient(patient)).await?;
    let appointment = get_appointment(fixture, id).await?;
    ensure_eq("the patient of an appointment", &appointment.patient, &Some(patient))
}

pub(super) async fn created_patient_can_have_documents(fixture: &dyn FullFixture) -> CaseResult {
    let patient = create_patient(fixture, patient_builder(fixture).email(unique_email())).await?;
    let stored = store_document(fixture, document_builder(fixture, patient), "a letter").await?;
    let listed = list_ids_of_patient(fixture, patient).await?;
    let actual = format!("{} documents", listed.len());
    ensure(listed == [stored], "the documents of a created patient", format!("only {stored:?}"), actual)
}
