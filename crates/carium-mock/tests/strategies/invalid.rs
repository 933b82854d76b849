//! Invalid inputs have all documented defects, and each is rejected for its field only.

use std::collections::BTreeMap;
use std::fmt::Debug;

use carium::Error;
use carium::appointments::{AppointmentUpdate, NewAppointmentBuilder};
use carium::documents::NewDocumentBuilder;
use carium::patients::NewPatientBuilder;
use carium_mock::strategies::{self, Invalid, InvitationInput};
use proptest::prelude::*;

use crate::query_validator::QueryValidator;
use crate::sampling::{MIN_OCCURRENCES, for_each_value, problem_fields};

/// Checks that exactly the expected defects are generated, and that each input is rejected for its field only.
fn check_defects<T: Debug, O>(
    strategy: &impl Strategy<Value = Invalid<T>>,
    validate: impl Fn(T) -> Result<O, Error>,
    expected: &[(&str, &[&str])],
) {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for_each_value(strategy, |invalid| {
        let (field, defect) = (invalid.field, invalid.defect);
        let Err(error) = validate(invalid.input) else { panic!("`{field}`, {defect}: accepted") };
        assert_eq!(problem_fields(&error), [field], "{defect}");
        *counts.entry((field, defect)).or_default() += 1;
    });
    for (field, defects) in expected {
        for defect in *defects {
            let count = counts.remove(&(*field, *defect)).unwrap_or_default();
            assert!(count > MIN_OCCURRENCES, "`{field}`, {defect}: generated {count} times");
        }
    }
    assert!(counts.is_empty(), "unexpected defects: {counts:?}");
}

const MISSING: &[&str] = &["missing"];
const NAME: &[&str] = &["missing", "blank", "a control character"];
const BIRTH_DATE: &[&str] = &["missing", "not a calendar date", "wrong format", "in the future"];
const EMAIL: &[&str] = &[
    "without an at sign",
    "without a local part or domain",
    "a space",
    "a display name",
    "missing together with the phone",
];
const PHONE: &[&str] =
    &["without a plus sign", "separators", "too short", "too long", "a leading zero", "letters"];
const START: &[&str] = &["a fraction of a second"];
const END: &[&str] = &["a fraction of a second", "before the start", "equal to the start"];
const URL: &[&str] = &["set together with a video channel", "malformed", "unsupported scheme"];

#[test]
fn rejects_patients_for_one_field() {
    check_defects(
        &strategies::invalid_patient(),
        NewPatientBuilder::build,
        &[
            ("first-name", NAME),
            ("last-name", NAME),
            ("birth-date", BIRTH_DATE),
            ("gender", MISSING),
            ("email", EMAIL),
            ("mobile-phone", PHONE),
            ("username", &["not an email address or phone", "a different contact"]),
            ("organization-id", MISSING),
        ],
    );
}

#[test]
fn rejects_invitations_for_one_field() {
    check_defects(
        &strategies::invalid_invitation(),
        InvitationInput::build,
        &[("username", &["blank"]), ("notifications", &["empty"])],
    );
}

#[test]
fn rejects_appointments_for_one_field() {
    check_defects(
        &strategies::invalid_appointment(),
        NewAppointmentBuilder::build,
        &[
            ("organization-id", MISSING),
            ("individual-id", MISSING),
            ("practitioner-id", MISSING),
            ("status-id", MISSING),
            ("type-id", MISSING),
            ("start-time", START),
            ("end-time", END),
            ("guest-url", URL),
            ("host-url", URL),
        ],
    );
}

#[test]
fn rejects_updates_for_one_field() {
    check_defects(
        &strategies::invalid_appointment_update(),
        |update: AppointmentUpdate| update.validate(),
        &[("start-time", START), ("end-time", END), ("guest-url", URL), ("host-url", URL)],
    );
}

#[test]
fn rejects_documents_for_one_field() {
    check_defects(
        &strategies::invalid_document(),
        NewDocumentBuilder::build,
        &[
            ("organization-id", MISSING),
            ("individual-id", MISSING),
            ("class-id", MISSING),
            ("name", &["missing", "blank"]),
            ("attachment-filename", &["missing", "blank", "a path without a name", "a NUL character"]),
            ("attachment-content-type", &["malformed"]),
        ],
    );
}

#[test]
fn rejects_queries_for_one_field() {
    let validator = QueryValidator::new();
    check_defects(
        &strategies::invalid_document_query(),
        |query| validator.validate(query),
        &[("filter", &["a reserved name", "an empty name", "a name with brackets", "too long"])],
    );
}
