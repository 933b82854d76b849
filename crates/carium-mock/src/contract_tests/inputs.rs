//! Test data. It is random, because the service under test may still have the data of earlier runs.

use carium::patients::{Gender, NewPatient, NewPatientBuilder};
use uuid::Uuid;

use super::Fixture;
use super::violation::{CaseResult, ensure_ok};

/// Returns an ID that does not exist.
pub(super) fn unknown_id<T: From<Uuid>>() -> T {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid().into()
}

/// Returns a unique word.
pub(super) fn unique_word() -> String {
    format!("{:024x}", fastrand::u128(..) >> 32)
}

/// Returns a unique email address.
pub(super) fn unique_email() -> String {
    format!("{}@example.com", unique_word())
}

/// Returns a random phone number from the unassigned 555 range. With ten million numbers, a collision is unlikely.
pub(super) fn random_phone() -> String {
    format!("+1555{:07}", fastrand::u32(..10_000_000))
}

/// Returns a builder with all required fields except the contact.
pub(super) fn patient_builder(fixture: &dyn Fixture) -> NewPatientBuilder {
    let builder = NewPatient::builder().first_name("James").last_name("Reece").birth_date("1980-07-04");
    builder.gender(Gender::Male).organization(fixture.organization())
}

/// Builds a patient. The input of the test cases is valid, so an error is a failure of the test case.
pub(super) fn build_patient(builder: NewPatientBuilder) -> CaseResult<NewPatient> {
    ensure_ok("building a patient", builder.build())
}
