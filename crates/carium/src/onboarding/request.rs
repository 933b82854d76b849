//! What is wanted for one patient.

pub(super) mod check;
mod json;
mod row;

use std::fmt;

use carium_api::onboarding as schema;

pub use row::OnboardingRow;

use self::row::RowFields;
use crate::error::Error;
use crate::patients::{NewPatient, OrganizationId};

/// What is wanted for one patient: who they are, how they are invited, which documents are filed, and when they are
/// first seen. One that breaks a rule of its parts ([`NewPatient`], [`NewInvitation`](crate::NewInvitation),
/// [`NewDocument`](crate::NewDocument), [`NewAppointment`](crate::appointments::NewAppointment)) cannot be made.
///
/// It is read as an [`OnboardingRow`], or made of the type of the schema:
///
/// ```
/// use carium::onboarding::{OnboardingRequest, schema};
///
/// let row: schema::OnboardingRequest = schema::OnboardingRequest::builder()
///     .first_name("Zoë")
///     .last_name("O'Hara")
///     .birth_date("1984-02-29")
///     .gender(carium::patients::Gender::Female)
///     .email("zoe.ohara@example.com")
///     .organization_id("8d25a2a6-8219-40d1-a34f-c24ec69f4f72")
///     .try_into()?;
/// let request = OnboardingRequest::try_from(&row)?;
/// assert_eq!(request.username(), "zoe.ohara@example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct OnboardingRequest {
    pub(super) row: schema::OnboardingRequest,
    pub(super) patient: NewPatient,
}

impl OnboardingRequest {
    /// The patient who is to be created.
    pub fn patient(&self) -> &NewPatient {
        &self.patient
    }

    /// What the patient will sign in with.
    pub fn username(&self) -> &str {
        self.patient.username()
    }

    /// The organization that takes the patient in.
    pub fn organization(&self) -> OrganizationId {
        self.patient.organization()
    }

    /// All of it, in the shape of the schema, with what it leaves open filled in.
    pub fn attributes(&self) -> &schema::OnboardingRequest {
        &self.row
    }
}

impl TryFrom<&schema::OnboardingRequest> for OnboardingRequest {
    type Error = Error;

    /// Every problem is named, as by [`OnboardingRow::check`].
    fn try_from(row: &schema::OnboardingRequest) -> Result<Self, Error> {
        check::checked(RowFields::from(row), Vec::new())
    }
}

impl fmt::Debug for OnboardingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row.fmt(f)
    }
}
