//! Test cases that call one trait with data that was created through another.

use carium::appointments::NewAppointment;
use carium::documents::NewDocument;
use carium::invitations::NewInvitation;
use carium::patients::{IndividualId, NewPatientBuilder};
use carium::{DateTime, Error, ErrorKind};

use super::FullFixture;
use super::documents::{list_ids_of_patient, store_document};
use super::inputs::{build_patient, patient_builder, random_phone, unique_email, unique_word};
use super::violation::{CaseResult, ensure, ensure_eq, ensure_field_rejected, ensure_ok};

async fn create_patient(fixture: &dyn FullFixture, patient: NewPatientBuilder) -> CaseResult<IndividualId> {
    ensure_ok("creating a patient", fixture.patients().create(build_patient(patient)?).await)
}

async fn invite(
    fixture: &dyn FullFixture,
    invitation: Result<NewInvitation, Error>,
) -> CaseResult<Result<(), Error>> {
    Ok(fixture.invitations().send(ensure_ok("building an invitation", invitation)?).await)
}

pub(super) async fn created_patient_can_be_invited(fixture: &dyn FullFixture) -> CaseResult {
    let (email, other_email, phone) = (unique_email(), unique_email(), random_phone());
    create_patient(fixture, patient_builder(fixture).email(&email).mobile_phone(random_phone())).await?;
    let patient = patient_builder(fixture).email(other_email).mobile_phone(&phone).username(&phone);
    create_patient(fixture, patient).await?;
    for username in [email, phone] {
        for invitation in [NewInvitation::by_email(&username), NewInvitation::by_sms(&username)] {
            ensure_ok("inviting a created patient", invite(fixture, invitation).await?)?;
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
        let result = invite(fixture, impossible).await?;
        let checked = "inviting a patient by a channel for which they have no contact";
        let kinds = [ErrorKind::Rejected, ErrorKind::NotFound];
        ensure_field_rejected(fixture, "notifications", checked, result, &kinds)?;
        let after = fixture.invitations_sent_to(username);
        ensure_eq("the invitations after a rejected one", &after, &before)?;
        let checked = "inviting a patient by the channel for which they have a contact";
        ensure_ok(checked, invite(fixture, possible).await?)?;
    }
    Ok(())
}

pub(super) async fn created_patient_can_have_appointments(fixture: &dyn FullFixture) -> CaseResult {
    let patient = create_patient(fixture, patient_builder(fixture).email(unique_email())).await?;
    let time = |text: &str| {
        let parse_error = |_| Error::new(ErrorKind::InvalidInput, "the time is invalid");
        ensure_ok("parsing a time", text.parse::<DateTime>().map_err(parse_error))
    };
    let appointment = NewAppointment::builder()
        .organization(fixture.organization())
        .patient(patient)
        .practitioner(fixture.two_practitioners()[0])
        .status(fixture.two_statuses()[0])
        .appointment_type(fixture.two_types()[0])
        .between(time("2030-01-01T09:00:00Z")?, time("2030-01-01T09:30:00Z")?);
    let appointment = ensure_ok("building an appointment", appointment.build())?;
    let result = fixture.appointments().create(appointment).await;
    let id = ensure_ok("creating an appointment for a created patient", result)?;
    let appointment = ensure_ok("reading an appointment", fixture.appointments().get(id).await)?;
    ensure_eq("the patient of an appointment", &appointment.patient, &Some(patient))
}

pub(super) async fn created_patient_can_have_documents(fixture: &dyn FullFixture) -> CaseResult {
    let patient = create_patient(fixture, patient_builder(fixture).email(unique_email())).await?;
    let document = NewDocument::builder()
        .organization(fixture.organization())
        .patient(patient)
        .class(fixture.two_classes()[0])
        .name(unique_word())
        .file_name("letter.pdf");
    let document = ensure_ok("building a document", document.build())?;
    let stored = store_document(fixture, document, "a letter").await?;
    let listed = list_ids_of_patient(fixture, patient).await?;
    let actual = format!("{} documents", listed.len());
    ensure(listed == [stored], "the documents of a created patient", format!("only {stored:?}"), actual)
}
