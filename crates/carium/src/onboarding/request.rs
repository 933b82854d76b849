//! The request for one patient.

pub(super) mod check;
mod json;
mod row;

use std::fmt;

use carium_api::onboarding as schema;

pub use row::OnboardingRow;

use self::row::RowFields;
use crate::error::Error;
use crate::patients::{NewPatient, OrganizationId};

/// A validated request to onboard one patient: the patient, the invitation, the documents and the first appointment.
///
/// Every part satisfies the rules of its own type ([`NewPatient`], [`NewInvitation`](crate::NewInvitation),
/// [`NewDocument`](crate::NewDocument), [`NewAppointment`](crate::appointments::NewAppointment)).
///
/// A request is read from JSON as an [`OnboardingRow`], or converted from the type of the schema:
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
    /// Returns the patient to create.
    pub fn patient(&self) -> &NewPatient {
        &self.patient
    }

    /// Returns the username that the patient will sign in with.
    pub fn username(&self) -> &str {
        self.patient.username()
    }

    /// Returns the organization that the patient is created in.
    pub fn organization(&self) -> OrganizationId {
        self.patient.organization()
    }

    /// Returns all attributes in the form of the schema, including defaults such as the username.
    pub fn attributes(&self) -> &schema::OnboardingRequest {
        &self.row
    }
}

impl TryFrom<&schema::OnboardingRequest> for OnboardingRequest {
    type Error = Error;

    /// Validates a row. The error lists all problems, as described in [`OnboardingRow::check`].
    fn try_from(row: &schema::OnboardingRequest) -> Result<Self, Error> {
        check::build_request(RowFields::from(row), Vec::new())
    }
}

impl fmt::Debug for OnboardingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row.fmt(f)
    }
}
