//! Validation of input types: values that satisfy the rules of the vendor's Examples page are accepted, and
//! errors list all invalid fields.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests panic to fail")]

mod support;

use carium::appointments::{AppointmentUpdate, NewAppointment};
use carium::patients::{Gender, Locale, NewPatientBuilder};
use carium::{Change, DateTime, Error, ErrorKind, NewInvitation, NewPatient};
use chrono::{Days, NaiveDate, Utc};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use support::{Behavior, Service, id};

fn fields(error: &Error) -> Vec<&str> {
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    error.problems().iter().filter_map(|problem| problem.field()).collect()
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// Valid and invalid input for a patient.
#[derive(Clone, Debug)]
struct PatientInput {
    first_name: Option<String>,
    last_name: Option<String>,
    birth_date: Option<String>,
    gender: Option<Gender>,
    email: Option<String>,
    mobile_phone: Option<String>,
    username: Option<String>,
    with_organization: bool,
}

fn one_of(texts: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned)
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-zéñŁ王' -]{1,12}", Just(String::new()), Just("  ".to_owned())]
}

fn dates() -> impl Strategy<Value = String> {
    let past = (0_u64..45_000).prop_map(|days| (today() - Days::new(days)).to_string());
    let future = (3_u64..900).prop_map(|days| (today() + Days::new(days)).to_string());
    let invalid = [
        "1980-02-30",
        "1900-02-29",
        "80-01-01",
        "1980-7-4",
        "1980/07/04",
        "",
        "+1980-07-04",
        "19800-07-04",
        "-999-01-01",
        "0000-01-01",
        "1980-07-4x",
    ];
    prop_oneof![4 => past, 1 => future, 1 => one_of(&invalid), 1 => ".*"]
}

fn emails() -> impl Strategy<Value = String> {
    let invalid =
        ["", "a", "@example.com", "a@", "a b@example.com", "a@b@c", "a@example..com", "<a@example.com>"];
    prop_oneof![4 => "[a-z0-9.]{1,8}[a-z]@example\\.com", 1 => one_of(&invalid)]
}

fn phones() -> impl Strategy<Value = String> {
    let invalid = ["", "+", "+0555", "5551234567", "+1 555 123", "+12345678901234567"];
    prop_oneof![4 => "\\+1555[0-9]{7}", 1 => one_of(&invalid), 1 => ".*"]
}

fn patient_inputs() -> impl Strategy<Value = PatientInput> {
    let gender = prop::sample::select(vec![
        Gender::Male,
        Gender::Female,
        Gender::Pnta,
        Gender::Other,
        Gender::Unknown,
    ]);
    let optional = |strategy: BoxedStrategy<String>| option::weighted(0.8, strategy);
    (
        optional(names().boxed()),
        optional(names().boxed()),
        optional(dates().boxed()),
        option::weighted(0.9, gender),
        optional(emails().boxed()),
        optional(phones().boxed()),
        0_u8..4,
        any::<bool>(),
    )
        .prop_map(|fields| {
            let (first_name, last_name, birth_date, gender, email, mobile_phone, username, with_organization) =
                fields;
            let username = match username {
                0 => None,
                1 => email.clone(),
                2 => mobile_phone.clone(),
                _ => Some("another-username".to_owned()),
            };
            PatientInput {
                first_name,
                last_name,
                birth_date,
                gender,
                email,
                mobile_phone,
                username,
                with_organization,
            }
        })
}

fn build(input: &PatientInput) -> Result<NewPatient, Error> {
    type Setter = fn(NewPatientBuilder, String) -> NewPatientBuilder;
    let mut builder = NewPatient::builder();
    let texts: [(Setter, &Option<String>); 6] = [
        (|builder, text| builder.first_name(text), &input.first_name),
        (|builder, text| builder.last_name(text), &input.last_name),
        (|builder, text| builder.birth_date(text), &input.birth_date),
        (|builder, text| builder.email(text), &input.email),
        (|builder, text| builder.mobile_phone(text), &input.mobile_phone),
        (|builder, text| builder.username(text), &input.username),
    ];
    for (set, text) in texts {
        if let Some(text) = text {
            builder = set(builder, text.clone());
        }
    }
    if let Some(gender) = input.gender {
        builder = builder.gender(gender);
    }
    if input.with_organization {
        builder = builder.organization(id());
    }
    builder.build()
}

/// Returns the invalid fields. Implements the rules of the vendor's page independently of the crate.
fn invalid_fields(input: &PatientInput) -> Vec<&'static str> {
    let is_blank = |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().is_empty());
    let mut invalid = Vec::new();
    let mut rule = |field, holds: bool| {
        if !holds {
            invalid.push(field);
        }
    };
    rule("first-name", !is_blank(&input.first_name));
    rule("last-name", !is_blank(&input.last_name));
    let date = input.birth_date.as_deref().unwrap_or_default();
    let parsed = NaiveDate::parse_from_str(date, "%Y-%m-%d")
        .ok()
        .filter(|parsed| parsed.to_string() == date && !date.starts_with("0000"));
    rule("birth-date", parsed.is_some_and(|parsed| parsed <= today() + Days::new(1)));
    rule("gender", input.gender.is_some());
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(phone) = &input.mobile_phone {
        let number = phone.strip_prefix('+').unwrap_or("x");
        rule(
            "mobile-phone",
            is_digits(number) && (2..=15).contains(&number.len()) && !number.starts_with('0'),
        );
    }
    rule("organization-id", input.with_organization);
    if let Some(email) = &input.email {
        let is_valid = email.strip_suffix("@example.com").is_some_and(|local| {
            let has_valid_chars =
                local.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.');
            has_valid_chars
                && !local.is_empty()
                && !local.starts_with('.')
                && !local.ends_with('.')
                && !local.contains("..")
        });
        rule("email", is_valid);
    }
    let contacts = [&input.email, &input.mobile_phone];
    rule("username", input.username.is_none() || contacts.contains(&&input.username));
    invalid
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn patients_are_accepted_if_and_only_if_all_fields_are_valid(input in patient_inputs()) {
        let result = build(&input);
        let invalid = invalid_fields(&input);
        let no_contact = input.email.is_none() && input.mobile_phone.is_none();
        match result {
            Ok(patient) => {
                prop_assert!(invalid.is_empty() && !no_contact, "{invalid:?}");
                let json = serde_json::to_value(patient.attributes()).unwrap();
                prop_assert!(json["username"] == json["email"] || json["username"] == json["mobile-phone"]);
                if input.username.is_none() {
                    let default = input.email.as_ref().or(input.mobile_phone.as_ref());
                    prop_assert_eq!(json["username"].as_str(), default.map(String::as_str));
                }
                prop_assert_eq!(&json["locale"], "en_US");
                if let Some(email) = &input.email {
                    let (local, domain) = email.rsplit_once('@').unwrap();
                    prop_assert!(!local.is_empty() && !domain.is_empty());
                }
            }
            Err(error) => {
                let reported = fields(&error);
                for field in &invalid {
                    prop_assert!(reported.contains(field), "{field} is not reported: {reported:?}");
                }
                for field in &reported {
                    prop_assert!(invalid.contains(field) || *field == "email", "{field} is valid");
                }
                prop_assert_eq!(no_contact && invalid.is_empty(), reported == ["email"] && input.email.is_none() && invalid.is_empty());
            }
        }
    }

    #[test]
    fn appointments_need_an_end_after_the_start_and_urls_only_without_a_video_channel(
        start in 0_i64..4_000_000_000,
        length in -7_200_i64..7_200,
        has_video_channel in any::<bool>(),
        guest in option::of(prop::sample::select(vec!["https://example.com/guest", "not a url", "mailto:a@example.com"])),
        host in option::of(prop::sample::select(vec!["https://example.com/host", ""])),
    ) {
        let time = |seconds| DateTime::try_from(chrono::DateTime::from_timestamp(seconds, 0).unwrap()).unwrap();
        let mut builder = support::appointment(NewAppointment::builder().organization(id()))
            .between(time(start), time(start + length));
        if has_video_channel {
            builder = builder.add_video_channel();
        }
        if let Some(url) = guest {
            builder = builder.guest_url(url);
        }
        if let Some(url) = host {
            builder = builder.host_url(url);
        }
        let is_valid = |url: Option<&str>| url.is_none_or(|url| !has_video_channel && url.starts_with("https://"));
        let mut expected = Vec::new();
        if length <= 0 {
            expected.push("end-time");
        }
        if !is_valid(guest) {
            expected.push("guest-url");
        }
        if !is_valid(host) {
            expected.push("host-url");
        }
        match builder.build() {
            Ok(appointment) => {
                prop_assert!(expected.is_empty());
                let sent = serde_json::to_value(appointment.attributes()).unwrap();
                prop_assert_eq!(&sent["add-video-channel"], has_video_channel);
                prop_assert_eq!(sent["start-time"].as_str().unwrap().len(), "2022-01-01T09:00:00Z".len());
            }
            Err(error) => prop_assert_eq!(fields(&error), expected),
        }
    }
}

#[test]
fn error_lists_all_missing_fields() {
    let error = NewPatient::builder().build().unwrap_err();
    assert_eq!(
        fields(&error),
        ["first-name", "last-name", "birth-date", "gender", "email", "organization-id"]
    );
    let error = NewAppointment::builder().build().unwrap_err();
    let all = [
        "organization-id",
        "individual-id",
        "practitioner-id",
        "start-time",
        "end-time",
        "status-id",
        "type-id",
    ];
    assert_eq!(fields(&error), all);
    for blank in ["", " ", "\t\n"] {
        let error = NewInvitation::new(blank, []).unwrap_err();
        assert_eq!(fields(&error), ["notifications", "username"], "{blank:?}");
    }
}

#[test]
fn rejects_values_that_only_look_valid() {
    let base = || {
        NewPatient::builder()
            .first_name("James")
            .last_name("Reece")
            .birth_date("1980-07-04")
            .gender(Gender::Male)
            .email("a@example.com")
            .organization(id())
    };
    for name in ["\u{200c}\u{200d}", "\0", "\u{200b}", "\u{feff} ", "a\nb"] {
        let error = base().first_name(name).build().unwrap_err();
        assert_eq!(fields(&error), ["first-name"], "{name:?}");
    }
    let embedded =
        base().last_name("Quill\u{202a}").email("a\u{200b}@example.com").mobile_phone("+1555010\u{a0}0001");
    let error = embedded.build().unwrap_err();
    let messages: Vec<_> = error.problems().iter().map(|problem| problem.message().unwrap()).collect();
    let expected = [
        "contains the invisible character U+202A",
        "contains the invisible character U+200B",
        "contains the invisible character U+00A0",
    ];
    assert_eq!(messages, expected);
    assert!(base().first_name("\u{639}\u{644}\u{6cc}\u{200c}\u{631}\u{636}\u{627}").build().is_ok());
    // "Today" is the date in UTC+14, the first time zone to reach it.
    let tomorrow = (Utc::now() + chrono::TimeDelta::hours(14) + chrono::TimeDelta::days(1)).date_naive();
    let error = base().birth_date(tomorrow.to_string()).build().unwrap_err();
    assert_eq!(fields(&error), ["birth-date"]);
}

#[test]
fn rejects_invalid_appointment_updates() {
    let update = AppointmentUpdate::default;
    for url in [
        "javascript://x/%0aalert(1)",
        "file://host/etc",
        "ssh://x",
        " https://example.com",
        "https://exa\nmple.com",
        "https:example.com/a",
        "https:/example.com/a",
        "https:///example.com/a",
        "https://example.com\\@example.org/a",
    ] {
        assert_eq!(fields(&update().guest_url(url).validate().unwrap_err()), ["guest-url"], "{url}");
    }
    let at = |text: &str| text.parse::<DateTime>().unwrap();
    let with_fraction = update().between(at("2030-01-01T09:00:00.5Z"), at("2030-01-01T10:00:00Z"));
    assert_eq!(fields(&with_fraction.validate().unwrap_err()), ["start-time"]);
    let url_and_channel = update().video_channel(true).host_url("https://example.com/host");
    assert_eq!(fields(&url_and_channel.validate().unwrap_err()), ["host-url"]);
    let cleared = update().video_channel(true).host_url(Change::Clear).guest_url(Change::Clear);
    assert!(cleared.validate().is_ok());
}

#[test]
fn documents_need_exactly_one_media_type() {
    let with = |media_type: &str| {
        carium::NewDocument::builder()
            .organization(id())
            .patient(id())
            .class(id())
            .name("Referral letter")
            .file_name("letter.pdf")
            .media_type(media_type)
            .build()
    };
    for media_type in [
        "",
        "application",
        "application/",
        "/pdf",
        "image/*",
        "*/*",
        "application/pdf, image/png",
        // Valid by the grammar of media types, but not allowed in a header.
        "text/plain; a=\"é\"",
        "text/plain; a=\"\u{7f}\"",
        "text/plain; a=\"\u{4e00}\"",
    ] {
        let error = with(media_type).unwrap_err();
        assert_eq!(fields(&error), ["attachment-content-type"], "{media_type}");
        assert_eq!(error.problems().len(), 1, "{media_type}");
    }
    for media_type in ["application/pdf", "image/svg+xml", "text/plain; charset=utf-8"] {
        assert_eq!(with(media_type).unwrap().media_type(), media_type);
    }
}

#[tokio::test(start_paused = true)]
async fn service_errors_are_mapped_to_fields() {
    let field_of = |source: serde_json::Value| async move {
        let body = json!({"errors": [{"source": source}]});
        let service = Service::script([Behavior::Respond(422, Vec::new(), body)]);
        let error = support::call(&service.client(), "create_patient").await.unwrap_err();
        error.problems()[0].field().map(str::to_owned)
    };
    for (pointer, field) in [
        ("/data/attributes/birth-date", Some("birth-date")),
        ("/data/attributes/individual-group-ids/0", Some("individual-group-ids")),
        ("/data/attributes/email/", Some("email")),
        ("/data", None),
        ("/data/attributes/canary", None),
    ] {
        assert_eq!(field_of(json!({"pointer": pointer})).await.as_deref(), field, "{pointer}");
    }
    let source = json!({"pointer": "/x", "parameter": "email"});
    assert_eq!(field_of(source).await.as_deref(), Some("email"));
}

#[test]
fn sends_locale_and_groups() {
    let patient = NewPatient::builder()
        .first_name("Zoë")
        .last_name("O'Hara")
        .birth_date("1984-02-29")
        .gender(Gender::Pnta)
        .mobile_phone("+15551234567")
        .locale(Locale::EsUs)
        .groups([id()])
        .organization(id())
        .build()
        .unwrap();
    let sent = serde_json::to_value(patient.attributes()).unwrap();
    assert_eq!((sent["locale"].as_str(), sent["username"].as_str()), (Some("es_US"), Some("+15551234567")));
    assert_eq!(sent["individual-group-ids"][0], support::ID);
}

#[tokio::test(start_paused = true)]
async fn empty_appointment_updates_are_not_sent() {
    let service = Service::script([Behavior::success("update_appointment")]);
    let client = service.client();
    let send = |update| client.appointments().update(id(), update);
    assert_eq!(send(AppointmentUpdate::default()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(service.requests().len(), 0);
    send(AppointmentUpdate::default().description(Change::Clear).location("Room 4")).await.unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&service.requests()[1].body).unwrap();
    let expected = json!({"data": {"attributes": {"description": null, "location": "Room 4"}, "type": "org-appointments"}});
    assert_eq!(sent, expected);
}
