//! One person: created and invited, or what came in between.

use carium::patients::IndividualId;
use carium::{Error, ErrorKind, Invitations, NewInvitation, NewPatient, Patients};

/// What became of one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// They are a patient, and invited.
    Admitted(IndividualId),
    /// They are a patient; the invitation has to be sent again.
    NotInvited(IndividualId),
    /// Someone signs in with their address already.
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
        Err(error) if error.kind() == ErrorKind::Conflict => return Ok(Admission::AlreadyThere),
        Err(error) if error.may_have_happened() => return Ok(Admission::LookFirst),
        Err(error) if error.is_transient() => return Ok(Admission::Later),
        Err(error) => return Err(error),
    };
    match invitations.send(invitation).await {
        Ok(()) => Ok(Admission::Admitted(id)),
        Err(_) => Ok(Admission::NotInvited(id)),
    }
}
