//! What is left after shrinking: a test that fails for one reason ends with that reason and with nothing else
//! that could be one.

use carium_mock::strategies;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::plainest;

/// Several beginnings: shrinking must not depend on what was drawn first.
const SEEDS: std::ops::Range<u8> = 0..8;

/// What is sent, without ids: those are random, and none is plainer than another.
fn sent(attributes: &impl serde::Serialize) -> Value {
    let mut sent = serde_json::to_value(attributes).unwrap();
    sent.as_object_mut().unwrap().retain(|name, _| !name.ends_with("-id"));
    sent
}

#[test]
fn a_patient_ends_short_in_ascii_and_with_what_is_needed() {
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
        let any = plainest(&strategies::new_patient(), seed, |_| true);
        assert_eq!(sent(any.attributes()), plain);

        let with_phone =
            plainest(&strategies::new_patient(), seed, |it| it.attributes().mobile_phone.is_some());
        let mut expected = plain.clone();
        let members = expected.as_object_mut().unwrap();
        for name in ["email", "username", "mobile-phone"] {
            members.remove(name);
        }
        let mut found = sent(with_phone.attributes());
        assert_eq!(found["mobile-phone"], "+15550000000");
        for name in ["email", "username", "mobile-phone"] {
            found.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(found, expected);

        // One letter is unusual, and one is left.
        let accented =
            plainest(&strategies::new_patient(), seed, |it| !it.attributes().first_name.is_ascii());
        let letters = accented.attributes().first_name.chars().count();
        assert!(letters <= 8, "{}", accented.attributes().first_name.as_str());
        assert_eq!(sent(accented.attributes())["last-name"], "Lee");
    }
}

#[test]
fn the_others_end_with_what_is_needed() {
    for seed in SEEDS {
        let appointment = plainest(&strategies::new_appointment(), seed, |_| true);
        let plain = json!({
            "add-video-channel": false,
            "start-time": "2030-01-01T09:00:00Z",
            "end-time": "2030-01-01T09:15:00Z",
        });
        assert_eq!(sent(appointment.attributes()), plain);

        let document = plainest(&strategies::new_document(), seed, |_| true);
        let plain =
            json!({"name": "a", "attachment-filename": "a.txt", "attachment-content-type": "text/plain"});
        assert_eq!(sent(document.attributes()), plain);

        let invitation = plainest(&strategies::new_invitation(), seed, |_| true);
        assert_eq!(
            sent(invitation.attributes()),
            json!({"username": "a@example.com", "notifications": ["email"]})
        );

        let update = plainest(&strategies::appointment_update(), seed, |_| true);
        let changes = serde_json::to_value(update.attributes()).unwrap();
        assert_eq!(changes.as_object().unwrap().len(), 1, "{changes}");

        let query = plainest(&strategies::document_query(), seed, |_| true);
        assert!(query == carium::documents::DocumentQuery::default());
    }
}

#[test]
fn what_is_wrong_stays_wrong_and_the_rest_becomes_plain() {
    for seed in SEEDS {
        let no_at = plainest(&strategies::invalid_patient(), seed, |it| it.way == "without an at-sign");
        // With an address that can be, all that is left of it is plain.
        let mended = no_at.input.email("a@example.com").username("a@example.com").build().unwrap();
        assert_eq!(sent(mended.attributes())["first-name"], "Ann");
        assert!(mended.attributes().mobile_phone.is_none());
    }
}

#[test]
fn words_end_short() {
    for seed in SEEDS {
        let ends = |strategy: BoxedStrategy<String>| plainest(&strategy, seed, |_| true);
        assert_eq!(ends(strategies::first_name().boxed()), "Ann");
        assert_eq!(ends(strategies::birth_date().boxed()), "2000-01-01");
        assert_eq!(ends(strategies::file_name().boxed()), "a.txt");
        assert_eq!(ends(strategies::text().boxed()), "a");
        let odd = plainest(&strategies::file_name(), seed, |name| name.contains('\u{0}') || name.len() > 200);
        assert_eq!(odd.len(), 204, "{odd}");
        let leap = plainest(&strategies::birth_date(), seed, |date| date.ends_with("-02-29"));
        assert!(["2000-02-29", "2024-02-29", "2004-02-29"].contains(&leap.as_str()), "{leap}");
    }
}
