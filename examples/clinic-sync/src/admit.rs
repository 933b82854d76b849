//! Admits one person: creates the patient and sends an invitation.

use carium::patients::IndividualId;
use carium::{Error, ErrorKind, Invitations, NewInvitation, NewPatient, Patients};

/// The result of [`admit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The patient was created and invited.
    Invited(IndividualId),
    /// The patient was created, but not invited. The invitation can be sent later.
    NotInvited(IndividualId),
    /// The patient was created, but it is unknown whether the invitation was sent. Ask the patient.
    InvitationUnknown(IndividualId),
    /// The username is taken. It may belong to the same person, if the response to an earlier run was lost; in this
    /// case the person has not been invited yet.
    UsernameTaken,
    /// Nothing was created, because of a temporary error. The next run can retry.
    RetryLater,
    /// It is unknown whether the patient was created. Check in Carium before retrying.
    CreationUnknown,
}

/// Creates a patient and invites them by email.
///
/// # Errors
/// Returns an error if the service rejects the patient, or if signing in fails.
pub async fn admit(
    patients: &dyn Patients,
    invitations: &dyn Invitations,
    patient: NewPatient,
) -> Result<Admission, Error> {
    let invitation = NewInvitation::by_email(patient.username())?;
    let id = match patients.create(patient).await {
        Ok(id) => id,
        // This check comes first: an error of any kind can have an unknown outcome.
        Err(error) if error.may_have_been_applied() => return Ok(Admission::CreationUnknown),
        Err(error) if is_username_taken(&error) => return Ok(Admission::UsernameTaken),
        Err(error) if error.is_transient() => return Ok(Admission::RetryLater),
        Err(error) => return Err(error),
    };
    match invitations.send(invitation).await {
        Ok(()) => Ok(Admission::Invited(id)),
        Err(error) if error.may_have_been_applied() => Ok(Admission::InvitationUnknown(id)),
        Err(_) => Ok(Admission::NotInvited(id)),
    }
}

/// Checks whether the username is taken. The service responds with a 409, or with a 422 that names the field.
fn is_username_taken(error: &Error) -> bool {
    let names_username = || error.problems().iter().any(|problem| problem.field() == Some("username"));
    error.kind() == ErrorKind::Conflict || (error.kind() == ErrorKind::Rejected && names_username())
}
