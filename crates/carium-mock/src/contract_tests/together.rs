//! What one trait promises of what was done with another.

use carium::appointments::NewAppointment;
use carium::documents::NewDocument;
use carium::invitations::NewInvitation;
use carium::patients::{IndividualId, NewPatientBuilder};
use carium::{DateTime, Error, ErrorKind};

use super::FullFixture;
use super::documents::{filed, listed_of};
use super::finding::{Outcome, done, holds, refused_for, same};
use super::inputs::{email, patient, person, phone, word};

type Subject<'a> = &'a dyn FullFixture;

async fn created(subject: Subject<'_>, person: NewPatientBuilder) -> Outcome<IndividualId> {
    done("creating a patient", subject.patients().create(patient(person)?).await)
}

async fn invite(
    subject: Subject<'_>,
    invitation: Result<NewInvitation, Error>,
) -> Outcome<Result<(), Error>> {
    Ok(subject.invitations().send(done("describing an invitation", invitation)?).await)
}

pub(super) async fn who_was_created_can_be_invited(subject: Subject<'_>) -> Outcome {
    let (email, other, number) = (email(), email(), phone());
    created(subject, person(subject).email(&email).mobile_phone(phone())).await?;
    created(subject, person(subject).email(other).mobile_phone(&number).username(&number)).await?;
    for username in [email, number] {
        for invitation in [NewInvitation::by_email(&username), NewInvitation::by_sms(&username)] {
            done("inviting someone who was created", invite(subject, invitation).await?)?;
        }
    }
    Ok(())
}

pub(super) async fn nobody_is_invited_without_an_address(subject: Subject<'_>) -> Outcome {
    let (email, phone) = (email(), phone());
    created(subject, person(subject).email(&email)).await?;
    created(subject, person(subject).mobile_phone(&phone)).await?;
    for (username, possible, impossible) in [
        (&email, NewInvitation::by_email(&email), NewInvitation::by_sms(&email)),
        (&phone, NewInvitation::by_sms(&phone), NewInvitation::by_email(&phone)),
    ] {
        let before = subject.invitations_sent_to(username);
        let result = invite(subject, impossible).await?;
        let at = "inviting someone in a way in which they have no address";
        refused_for(subject, "notifications", at, result, &[ErrorKind::Rejected, ErrorKind::NotFound])?;
        same(
            "the invitations after one that was rejected by the service",
            &subject.invitations_sent_to(username),
            &before,
        )?;
        done("inviting someone at the address that they have", invite(subject, possible).await?)?;
    }
    Ok(())
}

pub(super) async fn who_was_created_can_have_appointments(subject: Subject<'_>) -> Outcome {
    let id = created(subject, person(subject).email(email())).await?;
    let time = |text: &str| {
        let wrong = |_| Error::new(ErrorKind::InvalidInput, "the time cannot be read");
        done("reading a time", text.parse::<DateTime>().map_err(wrong))
    };
    let appointment = NewAppointment::builder()
        .organization(subject.organization())
        .patient(id)
        .practitioner(subject.two_practitioners()[0])
        .status(subject.two_statuses()[0])
        .appointment_type(subject.two_types()[0])
        .between(time("2030-01-01T09:00:00Z")?, time("2030-01-01T09:30:00Z")?);
    let appointment = done("describing an appointment", appointment.build())?;
    let booked = subject.appointments().create(appointment).await;
    let booked = done("booking an appointment for someone who was created", booked)?;
    let read = done("reading an appointment", subject.appointments().get(booked).await)?;
    same("the patient of an appointment", &read.patient, &Some(id))
}

pub(super) async fn who_was_created_can_have_documents(subject: Subject<'_>) -> Outcome {
    let id = created(subject, person(subject).email(email())).await?;
    let document = NewDocument::builder()
        .organization(subject.organization())
        .patient(id)
        .class(subject.two_classes()[0])
        .name(word())
        .file_name("letter.pdf");
    let document = done("describing a document", document.build())?;
    let filed = filed(subject, document, "a letter").await?;
    let listed = listed_of(subject, id).await?;
    let came = format!("{} documents", listed.len());
    holds(listed == [filed], "the documents of someone who was created", format!("{filed:?} alone"), came)
}
