//! Valid inputs are accepted, and they have the unusual properties that the strategies promise.

use std::fmt::Debug;

use carium::NewInvitation;
use carium::api::{Change, types};
use carium_mock::strategies;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::query_validator::QueryValidator;
use crate::sampling::{MIN_OCCURRENCES, for_each_value};

/// Checks that an input can be serialized and deserialized without changes, and returns its JSON.
fn check_round_trip<A: Serialize + DeserializeOwned + PartialEq>(attributes: &A) -> Value {
    let text = serde_json::to_string(attributes).unwrap();
    assert!(serde_json::from_str::<A>(&text).unwrap() == *attributes, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The name of a property, and a function that checks it.
type Property<'a, T> = (&'a str, fn(&T) -> bool);

/// Checks that each property occurs often enough, so that a change cannot remove it from a strategy unnoticed.
fn check_properties_occur<T: Debug>(strategy: &impl Strategy<Value = T>, properties: &[Property<'_, T>]) {
    let mut counts = vec![0_u32; properties.len()];
    for_each_value(strategy, |value| {
        for (count, (_, has_property)) in counts.iter_mut().zip(properties) {
            *count += u32::from(has_property(&value));
        }
    });
    for (count, (name, _)) in counts.iter().zip(properties) {
        assert!(*count > MIN_OCCURRENCES, "{name}: generated {count} times");
    }
}

fn is_ascii(text: &str) -> bool {
    text.is_ascii()
}

#[test]
fn patients_are_valid_and_fictitious() {
    for_each_value(&strategies::new_patient(), |patient| {
        let json = check_round_trip(patient.attributes());
        assert!(json["username"] == json["email"] || json["username"] == json["mobile-phone"]);
        let is_reserved = |email: &str| {
            let domain = email.rsplit('@').next().unwrap_or_default().to_lowercase();
            ["example.com", "example.org", "example.net", "mail.example.com"].contains(&domain.as_str())
        };
        assert!(json["email"].as_str().is_none_or(is_reserved), "{json}");
        assert!(json["mobile-phone"].as_str().is_none_or(|phone| phone.starts_with("+1555")), "{json}");
    });
    check_properties_occur(
        &strategies::new_patient(),
        &[
            ("an email address only", |it| it.attributes().mobile_phone.is_none()),
            ("a phone only", |it| it.attributes().email.is_none()),
            ("both, and the phone as username", |it| {
                it.attributes().email.is_some() && it.username().starts_with('+')
            }),
            ("Spanish", |it| it.attributes().locale == Some(carium::patients::Locale::EsUs)),
            ("a group", |it| !it.attributes().individual_group_ids.is_empty()),
            ("a name outside ASCII", |it| !is_ascii(&it.attributes().first_name)),
        ],
    );
}

#[test]
fn strings_have_unusual_properties() {
    check_properties_occur(
        &strategies::last_name(),
        &[
            ("an apostrophe", |name| name.contains('\'')),
            ("a curly apostrophe", |name| name.contains('’')),
            ("a hyphen", |name| name.contains('-')),
            ("a space", |name| name.contains(' ')),
            ("no Latin letters", |name| !name.chars().any(|letter| letter < '\u{370}')),
            ("a single letter", |name| name.chars().count() == 1),
        ],
    );
    let dates = strategies::birth_date();
    check_properties_occur(
        &dates,
        &[("a leap day", |date| date.ends_with("-02-29")), ("long ago", |date| &**date < "1910")],
    );
    check_properties_occur(
        &strategies::email(),
        &[("a plus", |it| it.contains('+')), ("capitals", |it| it.contains('E'))],
    );
    check_properties_occur(
        &strategies::file_name(),
        &[
            ("no extension", |name| !name.contains('.')),
            ("characters outside ASCII", |name| !is_ascii(name)),
            ("a quote", |name| name.contains('"')),
            ("a line break", |name| name.contains('\n')),
            ("long", |name| name.len() > 200),
        ],
    );
    for_each_value(&strategies::file_name(), |name| assert!(!name.contains(['/', '\\', '\0']), "{name:?}"));
    check_properties_occur(
        &strategies::text(),
        &[("an empty string", String::is_empty), ("several lines", |text| text.contains('\n'))],
    );
    check_properties_occur(&strategies::media_type(), &[("a parameter", |it| it.contains(';'))]);
}

#[test]
fn invitations_are_valid() {
    for_each_value(&strategies::new_invitation(), |invitation| {
        check_round_trip(invitation.attributes());
    });
    let channels = |invitation: &NewInvitation| invitation.attributes().notifications.len();
    for_each_value(&strategies::new_invitation(), |invitation| {
        assert!((1..=2).contains(&channels(&invitation)));
    });
    check_properties_occur(
        &strategies::new_invitation(),
        &[("both channels", |it| it.attributes().notifications.len() == 2)],
    );
}

#[test]
fn appointments_are_valid() {
    for_each_value(&strategies::new_appointment(), |appointment| {
        let json = check_round_trip(appointment.attributes());
        assert_eq!(json["start-time"].as_str().unwrap().len(), "2022-01-01T09:00:00Z".len());
    });
    check_properties_occur(
        &strategies::new_appointment(),
        &[
            ("a video channel", |it| it.attributes().add_video_channel),
            ("both URLs", |it| it.attributes().guest_url.is_some() && it.attributes().host_url.is_some()),
            ("spans midnight", |it| {
                let (start, end) =
                    (it.attributes().start_time.to_chrono(), it.attributes().end_time.to_chrono());
                start.date_naive() != end.date_naive()
            }),
            ("no optional text", |it| {
                let it = it.attributes();
                it.guest_url.is_none() && it.description.is_none() && it.location.is_none()
            }),
        ],
    );
}

#[test]
fn updates_are_valid() {
    for_each_value(&strategies::appointment_update(), |update| {
        update.validate().unwrap();
        check_round_trip(update.attributes());
    });
    let is_single_change =
        |it: &types::AppointmentChanges| serde_json::to_value(it).unwrap().as_object().unwrap().len() == 1;
    let mut single_changes = 0;
    for_each_value(&strategies::appointment_update(), |update| {
        single_changes += u32::from(is_single_change(update.attributes()));
    });
    assert!(single_changes > MIN_OCCURRENCES);
    check_properties_occur(
        &strategies::appointment_update(),
        &[
            ("a cleared URL together with a video channel", |it| {
                it.attributes().add_video_channel == Some(true) && it.attributes().guest_url == Change::Clear
            }),
            ("a new text", |it| it.attributes().location.value().is_some()),
            ("new times", |it| it.attributes().start_time.is_some()),
        ],
    );
}

#[test]
fn documents_are_valid() {
    for_each_value(&strategies::new_document(), |document| {
        check_round_trip(document.attributes());
        assert!(!document.file_name().contains(['/', '\\']), "{}", document.file_name());
    });
    check_properties_occur(
        &strategies::new_document(),
        &[
            ("a description", |it| it.attributes().description.is_some()),
            ("a file name outside ASCII", |it| !is_ascii(it.file_name())),
            ("a media type that differs from the extension", |it| it.media_type() == "application/fhir+json"),
        ],
    );
}

#[test]
fn queries_are_valid() {
    let validator = QueryValidator::new();
    for_each_value(&strategies::document_query(), |query| validator.validate(query).unwrap());
    check_properties_occur(
        &strategies::document_query(),
        &[
            ("no filter", |it| it.patient_filter().is_none() && it.class_filter().is_none()),
            ("a patient", |it| it.patient_filter().is_some()),
            ("extra filters", |it| it.extra_filters().count() > 1),
        ],
    );
}

proptest! {
    #[test]
    fn generated_builders_can_be_changed(
        builder in strategies::new_patient_builder(),
        organization in strategies::id::<types::OrganizationId>(),
    ) {
        prop_assert_eq!(builder.organization(organization).build().unwrap().organization(), organization);
    }
}

#[tokio::test]
async fn patients_of_builder_can_be_created_in_the_fake() {
    let fake = carium_mock::FakeCarium::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut usernames = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let builder = strategies::new_patient_builder().new_tree(&mut runner).unwrap().current();
        let patient = builder.organization(fake.organization()).build().unwrap();
        // Plain values occur repeatedly, and usernames are unique.
        if usernames.insert(patient.username().to_lowercase()) {
            fake.client().patients().create(patient).await.unwrap();
        }
    }
    assert!(fake.patients().len() > 100, "{}", fake.patients().len());
}
