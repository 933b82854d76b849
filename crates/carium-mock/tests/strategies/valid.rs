//! What is drawn as good.

use std::fmt::Debug;

use carium::NewInvitation;
use carium::api::{Change, types};
use carium_mock::strategies;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::service::Lister;
use crate::support::{SELDOM, each};

/// What is sent reads back as it was.
fn goes_and_comes_back<A: Serialize + DeserializeOwned + PartialEq>(attributes: &A) -> Value {
    let text = serde_json::to_string(attributes).unwrap();
    assert!(serde_json::from_str::<A>(&text).unwrap() == *attributes, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Something that can be said of what is drawn, and whether it is so.
type Property<'a, T> = (&'a str, fn(&T) -> bool);

/// Whether what is drawn has each of these properties now and then, so that a strategy does not grow poor
/// unnoticed.
fn sometimes<T: Debug>(strategy: &impl Strategy<Value = T>, properties: &[Property<'_, T>]) {
    let mut seen = vec![0_u32; properties.len()];
    each(strategy, |value| {
        for (count, (_, has)) in seen.iter_mut().zip(properties) {
            *count += u32::from(has(&value));
        }
    });
    for (count, (name, _)) in seen.iter().zip(properties) {
        assert!(*count > SELDOM, "{name}: drawn {count} times");
    }
}

fn is_ascii(text: &str) -> bool {
    text.is_ascii()
}

#[test]
fn patients_are_taken_and_belong_to_nobody() {
    each(&strategies::new_patient(), |patient| {
        let sent = goes_and_comes_back(patient.attributes());
        assert!(sent["username"] == sent["email"] || sent["username"] == sent["mobile-phone"]);
        let invented = |email: &str| {
            let domain = email.rsplit('@').next().unwrap_or_default().to_lowercase();
            ["example.com", "example.org", "example.net", "mail.example.com"].contains(&domain.as_str())
        };
        assert!(sent["email"].as_str().is_none_or(invented), "{sent}");
        assert!(sent["mobile-phone"].as_str().is_none_or(|phone| phone.starts_with("+1555")), "{sent}");
    });
    sometimes(
        &strategies::new_patient(),
        &[
            ("an e-mail address only", |it| it.attributes().mobile_phone.is_none()),
            ("a phone only", |it| it.attributes().email.is_none()),
            ("both, and the phone as username", |it| {
                it.attributes().email.is_some() && it.username().starts_with('+')
            }),
            ("Spanish", |it| it.attributes().locale == Some(carium::patients::Locale::EsUs)),
            ("a group", |it| !it.attributes().individual_group_ids.is_empty()),
            ("a name of other letters", |it| !is_ascii(&it.attributes().first_name)),
        ],
    );
}

#[test]
fn words_have_what_makes_them_hard() {
    sometimes(
        &strategies::last_name(),
        &[
            ("an apostrophe", |name| name.contains('\'')),
            ("a curly apostrophe", |name| name.contains('’')),
            ("a hyphen", |name| name.contains('-')),
            ("a space", |name| name.contains(' ')),
            ("no Latin letter", |name| !name.chars().any(|letter| letter < '\u{370}')),
            ("one letter", |name| name.chars().count() == 1),
        ],
    );
    let dates = strategies::birth_date();
    sometimes(
        &dates,
        &[("a leap day", |date| date.ends_with("-02-29")), ("long ago", |date| &**date < "1910")],
    );
    sometimes(
        &strategies::email(),
        &[("a plus", |it| it.contains('+')), ("capitals", |it| it.contains('E'))],
    );
    sometimes(
        &strategies::file_name(),
        &[
            ("no extension", |name| !name.contains('.')),
            ("other letters", |name| !is_ascii(name)),
            ("a quote", |name| name.contains('"')),
            ("a line's end", |name| name.contains('\n')),
            ("long", |name| name.len() > 200),
        ],
    );
    each(&strategies::file_name(), |name| assert!(!name.contains(['/', '\\', '\0']), "{name:?}"));
    sometimes(&strategies::text(), &[("nothing", String::is_empty), ("lines", |text| text.contains('\n'))]);
    sometimes(&strategies::media_type(), &[("a parameter", |it| it.contains(';'))]);
}

#[test]
fn invitations_are_taken() {
    each(&strategies::new_invitation(), |invitation| {
        goes_and_comes_back(invitation.attributes());
    });
    let channels = |invitation: &NewInvitation| invitation.attributes().notifications.len();
    each(&strategies::new_invitation(), |invitation| assert!((1..=2).contains(&channels(&invitation))));
    sometimes(&strategies::new_invitation(), &[("both ways", |it| it.attributes().notifications.len() == 2)]);
}

#[test]
fn appointments_are_taken() {
    each(&strategies::new_appointment(), |appointment| {
        let sent = goes_and_comes_back(appointment.attributes());
        assert_eq!(sent["start-time"].as_str().unwrap().len(), "2022-01-01T09:00:00Z".len());
    });
    sometimes(
        &strategies::new_appointment(),
        &[
            ("a video channel", |it| it.attributes().add_video_channel),
            ("both URLs", |it| it.attributes().guest_url.is_some() && it.attributes().host_url.is_some()),
            ("over midnight", |it| {
                let (start, end) =
                    (it.attributes().start_time.to_chrono(), it.attributes().end_time.to_chrono());
                start.date_naive() != end.date_naive()
            }),
            ("next to nothing", |it| {
                let it = it.attributes();
                it.guest_url.is_none() && it.description.is_none() && it.location.is_none()
            }),
        ],
    );
}

#[test]
fn changes_are_taken() {
    each(&strategies::appointment_update(), |update| {
        update.check().unwrap();
        goes_and_comes_back(update.attributes());
    });
    let one =
        |it: &types::AppointmentChanges| serde_json::to_value(it).unwrap().as_object().unwrap().len() == 1;
    let mut of_one = 0;
    each(&strategies::appointment_update(), |update| of_one += u32::from(one(update.attributes())));
    assert!(of_one > SELDOM);
    sometimes(
        &strategies::appointment_update(),
        &[
            ("a cleared URL beside a channel", |it| {
                it.attributes().add_video_channel == Some(true) && it.attributes().guest_url == Change::Clear
            }),
            ("a new text", |it| it.attributes().location.value().is_some()),
            ("new times", |it| it.attributes().start_time.is_some()),
        ],
    );
}

#[test]
fn documents_are_taken() {
    each(&strategies::new_document(), |document| {
        goes_and_comes_back(document.attributes());
        assert!(!document.file_name().contains(['/', '\\']), "{}", document.file_name());
    });
    sometimes(
        &strategies::new_document(),
        &[
            ("a description", |it| it.attributes().description.is_some()),
            ("other letters in the file name", |it| !is_ascii(it.file_name())),
            ("a type that the name does not say", |it| it.media_type() == "application/fhir+json"),
        ],
    );
}

#[test]
fn queries_are_taken() {
    let lister = Lister::new();
    each(&strategies::document_query(), |query| lister.list(query).unwrap());
    sometimes(
        &strategies::document_query(),
        &[
            ("no filter", |it| it.patient_filter().is_none() && it.class_filter().is_none()),
            ("a patient", |it| it.patient_filter().is_some()),
            ("further filters", |it| it.extra_filters().count() > 1),
        ],
    );
}

proptest! {
    /// What a builder gives can be changed before it is built.
    #[test]
    fn builders_take_something_of_ones_own(
        builder in strategies::new_patient_builder(),
        organization in strategies::id::<types::OrganizationId>(),
    ) {
        prop_assert_eq!(builder.organization(organization).build().unwrap().organization(), organization);
    }
}
