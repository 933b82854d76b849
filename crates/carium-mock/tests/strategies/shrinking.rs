//! Shrinking ends with plain values: a failing example has the property that causes the failure, and no other unusual
//! property.

use carium_mock::strategies;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sampling::shrink_to;

/// Several seeds, because the result of shrinking must not depend on the first generated value.
const SEEDS: std::ops::Range<u8> = 0..8;

/// Returns the JSON of an input without IDs, which do not shrink towards a fixed value.
fn json_without_ids(attributes: &impl serde::Serialize) -> Value {
    let mut json = serde_json::to_value(attributes).unwrap();
    json.as_object_mut().unwrap().retain(|name, _| !name.ends_with("-id"));
    json
}

#[test]
fn patient_shrinks_to_plain_required_fields() {
    let plain = json!({
        "first-name": "Ann",
        "last-name": "Lee",
        "birth-date": "2000-01-01",
        "gender": "female",
        "email": "a@example.com",
        "username": "a@example.com",
        "locale": "en_US",
    });
    for seed in SEEDS {
        let any = shrink_to(&strategies::new_patient(), seed, |_| true);
        assert_eq!(json_without_ids(any.attributes()), plain);

        let with_phone =
            shrink_to(&strategies::new_patient(), seed, |it| it.attributes().mobile_phone.is_some());
        let mut expected = plain.clone();
        let members = expected.as_object_mut().unwrap();
        for name in ["email", "username", "mobile-phone"] {
            members.remove(name);
        }
        let mut patient = json_without_ids(with_phone.attributes());
        assert_eq!(patient["mobile-phone"], "+15550000000");
        for name in ["email", "username", "mobile-phone"] {
            patient.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(patient, expected);

        // Only the first name stays unusual, and it is short.
        let accented =
            shrink_to(&strategies::new_patient(), seed, |it| !it.attributes().first_name.is_ascii());
        let length = accented.attributes().first_name.chars().count();
        assert!(length <= 8, "{}", accented.attributes().first_name.as_str());
        assert_eq!(json_without_ids(accented.attributes())["last-name"], "Lee");
    }
}

#[test]
fn other_inputs_shrink_to_plain_required_fields() {
    for seed in SEEDS {
        let appointment = shrink_to(&strategies::new_appointment(), seed, |_| true);
        let plain = json!({
            "add-video-channel": false,
            "start-time": "2030-01-01T09:00:00Z",
            "end-time": "2030-01-01T09:15:00Z",
        });
        assert_eq!(json_without_ids(appointment.attributes()), plain);

        let document = shrink_to(&strategies::new_document(), seed, |_| true);
        let plain =
            json!({"name": "a", "attachment-filename": "a.txt", "attachment-content-type": "text/plain"});
        assert_eq!(json_without_ids(document.attributes()), plain);

        let invitation = shrink_to(&strategies::new_invitation(), seed, |_| true);
        assert_eq!(
            json_without_ids(invitation.attributes()),
            json!({"username": "a@example.com", "notifications": ["email"]})
        );

        let update = shrink_to(&strategies::appointment_update(), seed, |_| true);
        let changes = serde_json::to_value(update.attributes()).unwrap();
        assert_eq!(changes.as_object().unwrap().len(), 1, "{changes}");

        let query = shrink_to(&strategies::document_query(), seed, |_| true);
        assert!(query == carium::documents::DocumentQuery::default());
    }
}

#[test]
fn defect_remains_and_other_fields_become_plain() {
    for seed in SEEDS {
        let invalid = shrink_to(&strategies::invalid_patient(), seed, |it| it.defect == "without an at sign");
        // With the defect corrected, every field is plain.
        let corrected = invalid.input.email("a@example.com").username("a@example.com").build().unwrap();
        assert_eq!(json_without_ids(corrected.attributes())["first-name"], "Ann");
        assert!(corrected.attributes().mobile_phone.is_none());
    }
}

#[test]
fn strings_shrink_to_plain_values() {
    for seed in SEEDS {
        let shrunk = |strategy: BoxedStrategy<String>| shrink_to(&strategy, seed, |_| true);
        assert_eq!(shrunk(strategies::first_name().boxed()), "Ann");
        assert_eq!(shrunk(strategies::birth_date().boxed()), "2000-01-01");
        assert_eq!(shrunk(strategies::file_name().boxed()), "a.txt");
        assert_eq!(shrunk(strategies::text().boxed()), "a");
        let long =
            shrink_to(&strategies::file_name(), seed, |name| name.contains('\u{0}') || name.len() > 200);
        assert_eq!(long.len(), 204, "{long}");
        let leap_day = shrink_to(&strategies::birth_date(), seed, |date| date.ends_with("-02-29"));
        assert!(["2000-02-29", "2024-02-29", "2004-02-29"].contains(&leap_day.as_str()), "{leap_day}");
    }
}
