//! One person: created and invited, or what came in between.

use carium::patients::IndividualId;
use carium::{Error, ErrorKind, Invitations, NewInvitation, NewPatient, Patients};

/// What became of one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// They are a patient, and invited.
    Admitted(IndividualId),
    /// They are a patient, and were not invited: the invitation is to be sent again.
    NotInvited(IndividualId),
    /// They are a patient, and may have been invited. Someone has to ask them.
    PerhapsInvited(IndividualId),
    /// Someone signs in with their address already. It may be them, from an evening on which the answer was lost, and
    /// then they are not invited yet.
    AlreadyThere,
    /// Nothing was done. Another time it may go well.
    Later,
    /// They may have been created. Someone has to look before they are tried again.
    LookFirst,
}

/// Creates a patient and invites them by e-mail.
///
/// # Errors
/// The service refuses the patient for good, or cannot be signed in to.
pub async fn admit(
    patients: &dyn Patients,
    invitations: &dyn Invitations,
    patient: NewPatient,
) -> Result<Admission, Error> {
    let invitation = NewInvitation::by_email(patient.username())?;
    let id = match patients.create(patient).await {
        Ok(id) => id,
        // First of all: whatever else an error is, it may not be taken for a "no".
        Err(error) if error.may_have_been_applied() => return Ok(Admission::LookFirst),
        Err(error) if is_taken(&error) => return Ok(Admission::AlreadyThere),
        Err(error) if error.is_transient() => return Ok(Admission::Later),
        Err(error) => return Err(error),
    };
    match invitations.send(invitation).await {
        Ok(()) => Ok(Admission::Admitted(id)),
        Err(error) if error.may_have_been_applied() => Ok(Admission::PerhapsInvited(id)),
        Err(_) => Ok(Admission::NotInvited(id)),
    }
}

/// Whether the username is someone's. A service may say so by a 409, or by a 422 that names the field.
fn is_taken(error: &Error) -> bool {
    let names_username = || error.problems().iter().any(|problem| problem.field() == Some("username"));
    error.kind() == ErrorKind::Conflict || (error.kind() == ErrorKind::Rejected && names_username())
}
