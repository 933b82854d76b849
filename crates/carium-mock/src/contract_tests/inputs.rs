//! What is sent: invented, and new for each run, since a subject may remember the last.

use carium::patients::{Gender, NewPatient, NewPatientBuilder};
use uuid::Uuid;

use super::Fixture;
use super::finding::{Outcome, done};

/// An id that is of nothing.
pub(super) fn unknown<T: From<Uuid>>() -> T {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid().into()
}

/// A word that is in nothing yet.
pub(super) fn word() -> String {
    format!("{:024x}", fastrand::u128(..) >> 32)
}

/// An e-mail address that nobody has.
pub(super) fn email() -> String {
    format!("{}@example.com", word())
}

/// A phone that hardly anybody has: there are few that are nobody's, the 555 numbers.
pub(super) fn phone() -> String {
    format!("+1555{:07}", fastrand::u32(..10_000_000))
}

/// A patient of the organization who has a name, a birth date and a gender.
pub(super) fn person(scene: &dyn Fixture) -> NewPatientBuilder {
    let person = NewPatient::builder().first_name("James").last_name("Reece").birth_date("1980-07-04");
    person.gender(Gender::Male).organization(scene.organization())
}

/// The patient. That they can be created is this crate's business, and a finding where it is not so.
pub(super) fn patient(person: NewPatientBuilder) -> Outcome<NewPatient> {
    done("describing a patient", person.build())
}
