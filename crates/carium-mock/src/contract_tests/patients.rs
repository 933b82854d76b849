//! Test cases for [`Patients`](carium::Patients).

use carium::ErrorKind;
use carium::patients::{Gender, IndividualId, Locale, NewPatientBuilder};
use futures_util::future::join_all;

use super::assertions::{
    CaseResult, REJECTION_KINDS, ensure_distinct, ensure_eq, ensure_field_rejected, ensure_ok,
    ensure_rejected,
};
use super::fixture::PatientsFixture;
use super::steps::{
    CONCURRENT_CALLS, build_patient, create_patient, patient_builder, random_phone, try_create_patient,
    unique_email, unknown_id,
};

/// The kinds of error with which a service may reject a taken username. The vendor's page does not specify which one.
const USERNAME_TAKEN_KINDS: [ErrorKind; 2] = [ErrorKind::Conflict, ErrorKind::Rejected];

/// Checks that a valid patient can be created.
async fn check_accepted(
    fixture: &dyn PatientsFixture,
    checked: impl Into<String>,
    patient: NewPatientBuilder,
) -> CaseResult<IndividualId> {
    ensure_ok(checked, try_create_patient(fixture, patient).await?)
}

async fn check_username_is_taken(fixture: &dyn PatientsFixture, patient: NewPatientBuilder) -> CaseResult {
    let result = try_create_patient(fixture, patient).await?;
    let checked = "creating a patient with a taken username";
    ensure_field_rejected(fixture, "username", checked, result, &USERNAME_TAKEN_KINDS)
}

pub(super) async fn patient_ids_are_unique(fixture: &dyn PatientsFixture) -> CaseResult {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(create_patient(fixture, patient_builder(fixture).email(unique_email())).await?);
    }
    ensure_distinct("the IDs of three patients", &ids)
}

pub(super) async fn username_is_unique(fixture: &dyn PatientsFixture) -> CaseResult {
    let (email, other_email) = (unique_email(), unique_email());
    create_patient(fixture, patient_builder(fixture).email(&email)).await?;
    check_username_is_taken(fixture, patient_builder(fixture).email(&email)).await?;
    // The username is also taken for a patient who differs in everything else.
    let other = patient_builder(fixture).first_name("Ann").last_name("Reed").birth_date("1990-01-31");
    let other = other.gender(Gender::Female).email(&email).mobile_phone(random_phone());
    check_username_is_taken(fixture, other).await?;
    create_patient(fixture, patient_builder(fixture).email(other_email)).await.map(drop)
}

pub(super) async fn username_defaults_to_email(fixture: &dyn PatientsFixture) -> CaseResult {
    let (email, phone) = (unique_email(), random_phone());
    create_patient(fixture, patient_builder(fixture).email(&email).mobile_phone(&phone)).await?;
    // The phone is not taken as a username.
    create_patient(fixture, patient_builder(fixture).mobile_phone(phone)).await?;
    check_username_is_taken(fixture, patient_builder(fixture).email(email)).await
}

pub(super) async fn username_defaults_to_phone_without_email(fixture: &dyn PatientsFixture) -> CaseResult {
    let phone = random_phone();
    create_patient(fixture, patient_builder(fixture).mobile_phone(&phone)).await?;
    check_username_is_taken(fixture, patient_builder(fixture).mobile_phone(&phone)).await
}

pub(super) async fn phone_can_be_username(fixture: &dyn PatientsFixture) -> CaseResult {
    let (email, phone) = (unique_email(), random_phone());
    let patient = patient_builder(fixture).email(&email).mobile_phone(&phone).username(&phone);
    create_patient(fixture, patient).await?;
    check_username_is_taken(fixture, patient_builder(fixture).mobile_phone(phone)).await?;
    // The email address is not taken as a username.
    create_patient(fixture, patient_builder(fixture).email(email)).await.map(drop)
}

pub(super) async fn phone_can_be_shared(fixture: &dyn PatientsFixture) -> CaseResult {
    let phone = random_phone();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let patient = patient_builder(fixture).email(unique_email()).mobile_phone(&phone);
        ids.push(create_patient(fixture, patient).await?);
    }
    ensure_distinct("the IDs of three patients with the same phone", &ids)
}

pub(super) async fn rejects_unknown_organization(fixture: &dyn PatientsFixture) -> CaseResult {
    let patient = patient_builder(fixture).email(unique_email()).organization(unknown_id());
    let result = try_create_patient(fixture, patient).await?;
    let checked = "creating a patient in an unknown organization";
    ensure_field_rejected(fixture, "organization-id", checked, result, &REJECTION_KINDS)
}

pub(super) async fn rejects_unknown_groups(fixture: &dyn PatientsFixture) -> CaseResult {
    let [known, _] = fixture.groups();
    for groups in [vec![unknown_id()], vec![known, unknown_id()], vec![unknown_id(), known]] {
        let patient = patient_builder(fixture).email(unique_email()).groups(groups);
        let result = try_create_patient(fixture, patient).await?;
        let checked = "creating a patient in an unknown group";
        ensure_field_rejected(fixture, "individual-group-ids", checked, result, &REJECTION_KINDS)?;
    }
    Ok(())
}

pub(super) async fn accepts_known_groups(fixture: &dyn PatientsFixture) -> CaseResult {
    let [first, second] = fixture.groups();
    for groups in [vec![], vec![first], vec![first, second]] {
        let checked = format!("creating a patient in {} groups", groups.len());
        let patient = patient_builder(fixture).email(unique_email()).groups(groups);
        check_accepted(fixture, checked, patient).await?;
    }
    Ok(())
}

pub(super) async fn rejected_patient_is_not_created(fixture: &dyn PatientsFixture) -> CaseResult {
    let valid = patient_builder(fixture).email(unique_email());
    for invalid in [valid.clone().organization(unknown_id()), valid.clone().groups([unknown_id()])] {
        let result = try_create_patient(fixture, invalid).await?;
        ensure_rejected("creating an invalid patient", result, &REJECTION_KINDS)?;
    }
    check_accepted(fixture, "creating a patient who was rejected before", valid).await.map(drop)
}

pub(super) async fn accepts_every_gender_and_locale(fixture: &dyn PatientsFixture) -> CaseResult {
    for gender in [Gender::Male, Gender::Female, Gender::Pnta, Gender::Other, Gender::Unknown] {
        let checked = format!("creating a patient with the gender {}", gender.as_str());
        check_accepted(fixture, checked, patient_builder(fixture).email(unique_email()).gender(gender))
            .await?;
    }
    for locale in [Locale::EnUs, Locale::EsUs] {
        let patient = patient_builder(fixture).email(unique_email()).locale(locale);
        check_accepted(fixture, "creating a patient of each locale", patient).await?;
    }
    Ok(())
}

pub(super) async fn accepts_past_birth_dates(fixture: &dyn PatientsFixture) -> CaseResult {
    for date in ["1900-03-01", "1969-12-31", "2000-02-29", "2024-02-29"] {
        let patient = patient_builder(fixture).email(unique_email()).birth_date(date);
        check_accepted(fixture, format!("creating a patient with the birth date {date}"), patient).await?;
    }
    Ok(())
}

pub(super) async fn concurrent_creates_with_one_username_create_one_patient(
    fixture: &dyn PatientsFixture,
) -> CaseResult {
    let patients = fixture.patients();
    let patient = build_patient(patient_builder(fixture).email(unique_email()))?;
    let results = join_all((0..CONCURRENT_CALLS).map(|_| patients.create(patient.clone()))).await;
    let (created, rejected): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    ensure_eq("the number of created patients with the same username", &created.len(), &1)?;
    for result in rejected {
        ensure_rejected("creating a patient concurrently", result, &USERNAME_TAKEN_KINDS)?;
    }
    Ok(())
}

pub(super) async fn concurrent_creates_return_unique_ids(fixture: &dyn PatientsFixture) -> CaseResult {
    let patients = fixture.patients();
    let mut inputs = Vec::new();
    for _ in 0..CONCURRENT_CALLS {
        inputs.push(build_patient(patient_builder(fixture).email(unique_email()))?);
    }
    let results = join_all(inputs.into_iter().map(|patient| patients.create(patient))).await;
    let mut ids = Vec::new();
    for result in results {
        ids.push(ensure_ok("creating a patient concurrently", result)?);
    }
    ensure_eq("the number of patients that were created concurrently", &ids.len(), &CONCURRENT_CALLS)?;
    ensure_distinct("the IDs of patients that were created concurrently", &ids)
}
