//! What is drawn as wrong.

use std::collections::BTreeMap;
use std::fmt::Debug;

use carium::Error;
use carium::appointments::{AppointmentUpdate, NewAppointmentBuilder};
use carium::documents::NewDocumentBuilder;
use carium::patients::NewPatientBuilder;
use carium_mock::strategies::{self, Invalid, InvitationInput};
use proptest::prelude::*;

use crate::service::Lister;
use crate::support::{SELDOM, each, fields};

/// Each way is drawn, none that is not listed is, and each is refused by its field and by nothing else.
fn ways<T: Debug, O>(
    strategy: &impl Strategy<Value = Invalid<T>>,
    judge: impl Fn(T) -> Result<O, Error>,
    listed: &[(&str, &[&str])],
) {
    let mut drawn: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    each(strategy, |invalid| {
        let (field, way) = (invalid.field, invalid.way);
        let Err(error) = judge(invalid.input) else { panic!("`{field}` {way} was taken") };
        assert_eq!(fields(&error), [field], "{way}");
        *drawn.entry((field, way)).or_default() += 1;
    });
    for (field, ways) in listed {
        for way in *ways {
            let times = drawn.remove(&(*field, *way)).unwrap_or_default();
            assert!(times > SELDOM, "`{field}` {way}: drawn {times} times");
        }
    }
    assert!(drawn.is_empty(), "drawn and not listed: {drawn:?}");
}

const MISSING: &[&str] = &["missing"];
const NAME: &[&str] = &["missing", "blank", "with a control character"];
const BIRTH_DATE: &[&str] = &["missing", "not in the calendar", "not in the form", "in the future"];
const EMAIL: &[&str] = &[
    "without an at-sign",
    "without a side",
    "with a space",
    "with a display name",
    "missing like the phone",
];
const PHONE: &[&str] =
    &["without a plus", "with separators", "too short", "too long", "beginning with zero", "with letters"];
const START: &[&str] = &["with a fraction of a second"];
const END: &[&str] = &["with a fraction of a second", "before the start", "at the start"];
const URL: &[&str] = &["beside a video channel", "no URL", "of another scheme"];

#[test]
fn patients_are_refused_for_one_reason() {
    ways(
        &strategies::invalid_patient(),
        NewPatientBuilder::build,
        &[
            ("first-name", NAME),
            ("last-name", NAME),
            ("birth-date", BIRTH_DATE),
            ("gender", MISSING),
            ("email", EMAIL),
            ("mobile-phone", PHONE),
            ("username", &["neither, a word", "neither, another address"]),
            ("organization-id", MISSING),
        ],
    );
}

#[test]
fn invitations_are_refused_for_one_reason() {
    ways(
        &strategies::invalid_invitation(),
        InvitationInput::build,
        &[("username", &["blank"]), ("notifications", &["empty"])],
    );
}

#[test]
fn appointments_are_refused_for_one_reason() {
    ways(
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
fn changes_are_refused_for_one_reason() {
    ways(
        &strategies::invalid_appointment_update(),
        |update: AppointmentUpdate| update.check(),
        &[("start-time", START), ("end-time", END), ("guest-url", URL), ("host-url", URL)],
    );
}

#[test]
fn documents_are_refused_for_one_reason() {
    ways(
        &strategies::invalid_document(),
        NewDocumentBuilder::build,
        &[
            ("organization-id", MISSING),
            ("individual-id", MISSING),
            ("class-id", MISSING),
            ("name", &["missing", "blank"]),
            ("attachment-filename", &["missing", "blank", "nothing but a path", "with a NUL"]),
            ("attachment-content-type", &["no media type"]),
        ],
    );
}

#[test]
fn queries_are_refused_for_one_reason() {
    let lister = Lister::new();
    ways(
        &strategies::invalid_document_query(),
        |query| lister.list(query),
        &[("filter", &["with a method of its own", "without a name", "named with brackets", "too long"])],
    );
}
