//! Marked and unknown values are never printed, and any response value is read and serialized unchanged.
//!
//! `generated/canaries.rs` is generated from the specs and covers every type. It fills every marked property with a
//! canary, and the lenient properties of responses also with unexpected values, `null` and no value. The tests below
//! assert the marks by hand, so that a mark that is lost in the spec or ignored by the generator is noticed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::{Debug, Display};

use carium_api::{BaseUrl, Client, HttpTransport, onboarding, types};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[rustfmt::skip]
#[path = "generated/canaries.rs"]
mod canaries;

#[test]
fn types_and_builders_hide_canaries_and_round_trip() {
    canaries::check_all();
}

/// Checks a newtype or an enum.
macro_rules! value {
    ($type:ty, $json:literal, [$($canary:literal),*]) => {{
        #[allow(unused_imports, reason = "not every type implements Display")]
        use $crate::{ViaDisplay as _, WithoutDisplay as _};
        let value: $type = $crate::read($json);
        $crate::assert_hidden(stringify!($type), &$crate::shown(&value), &[$($canary),*]);
        assert_eq!(serde_json::to_value(&value).unwrap(), $crate::read::<serde_json::Value>($json));
        if let Some(text) = (&$crate::Shown(&value)).displayed() {
            $crate::assert_hidden(stringify!($type), &text, &[$($canary),*]);
        }
    }};
}
use value;

/// Checks a struct and its builder.
macro_rules! document {
    ($module:ident :: $name:ident, $json:literal, [$($canary:literal),*]) => {{
        $crate::value!($module::$name, $json, [$($canary),*]);
        let value: $module::$name = $crate::read($json);
        let builder = $module::builder::$name::from(value);
        $crate::assert_hidden(stringify!($name), &$crate::shown(&builder), &[$($canary),*]);
    }};
}
use document;

/// Checks the builder of a call with its body.
macro_rules! call {
    ($method:ident, $type:ty, $json:literal, [$($canary:literal),*]) => {{
        let client = $crate::client();
        let call = client.$method().body($crate::read::<$type>($json));
        $crate::assert_hidden(stringify!($method), &$crate::shown(&call), &[$($canary),*]);
    }};
}
use call;

/// Formats with `Display` if the type implements it. Method resolution finds the impl for the reference only if the impl
/// for the value does not apply.
struct Shown<'a, T>(&'a T);

trait ViaDisplay {
    fn displayed(&self) -> Option<String>;
}

impl<T: Display> ViaDisplay for Shown<'_, T> {
    fn displayed(&self) -> Option<String> {
        Some(format!("{0} {0:#}", self.0))
    }
}

trait WithoutDisplay {
    fn displayed(&self) -> Option<String>;
}

impl<T> WithoutDisplay for &Shown<'_, T> {
    fn displayed(&self) -> Option<String> {
        None
    }
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

fn client() -> Client {
    let base_url: BaseUrl = "http://127.0.0.1:9".parse().unwrap();
    Client::new(base_url, HttpTransport::new().unwrap())
}

fn assert_hidden(name: &str, text: &str, canaries: &[&str]) {
    for canary in canaries {
        assert!(!text.contains(canary), "{name} prints {canary}: {text}");
    }
}

/// Reads a document and asserts which texts its `Debug` output shows and hides.
fn assert_shows<T: DeserializeOwned + Debug>(document: &Value, shows: &[&str], hides: &[&str]) {
    let text = shown(&read::<T>(&document.to_string()));
    for expected in shows {
        assert!(text.contains(expected), "{expected} should be in: {text}");
    }
    assert_hidden(std::any::type_name::<T>(), &text, hides);
}

#[test]
fn patient_hides_personal_data_and_shows_ids() {
    let patient = json!({
        "first-name": "canary-a", "last-name": "canary-b", "birth-date": "1811-02-03", "gender": "female",
        "email": "canary-c@example.com", "mobile-phone": "+15559990000", "username": "canary-d",
        "locale": "en_US", "organization-id": "8d25a2a6-8219-40d1-a34f-c24ec69f4f72",
    });
    let hides = ["canary", "1811", "emale", "5559990000"];
    let shows = ["first_name: [phi]", "email: Some([phi])", "EnUs", "8d25a2a6-8219-40d1-a34f-c24ec69f4f72"];
    assert_shows::<types::NewPatient>(&patient, &shows, &hides);
    assert_shows::<onboarding::OnboardingRequest>(&patient, &shows, &hides);
    let shows = ["first_name: Known([phi])", "birth_date: Known([phi])"];
    assert_shows::<types::PatientAttributes>(&patient, &shows, &hides);
}

#[test]
fn login_hides_password_code_and_token() {
    let request = json!({"username": "canary-a", "password": "canary-b", "totp-code": "canary-c"});
    assert_shows::<types::LoginRequest>(&request, &["password: [secret]", "username: [phi]"], &["canary"]);
    let response = json!({"access-token": "canary-a", "refresh-token": "canary-b"});
    assert_shows::<types::LoginResponse>(&response, &["[secret]", "refresh-token"], &["canary"]);
}

#[test]
fn document_hides_name_and_upload_form() {
    let reference = json!({"data": {"id": "2097e072-92f6-4333-99d6-9693d63be652", "attributes": {
        "attachment-filename": "canary-a", "name": "canary-b", "description": "canary-c",
        "upload-info": {"upload-url": "https://canary-d.example.com", "upload-data": {"policy": "canary-e"}},
    }}});
    assert_shows::<types::DocumentReferenceDocument>(&reference, &["2097e072", "[secret]"], &["canary"]);
    let download = json!({"data": {"attributes": {
        "download-url": "https://canary.example.com", "url": "canary-b", "download-info": {"download-url": "canary-c"},
    }}});
    assert_shows::<types::DownloadInfoDocument>(&download, &["[secret]"], &["canary"]);
}

#[test]
fn appointment_shows_ids_and_hides_times_and_free_text() {
    let appointment = json!({"data": {"id": "2097e072-92f6-4333-99d6-9693d63be652", "attributes": {
        "type-id": "aa6243fb-e4c1-44a0-ae3c-f4c4ab115002", "start-time": "1822-01-01 09:00:00", "guest-url": "canary-a", "host-url": "canary-b", "description": "canary-c",
        "patient-instruction": "canary-d", "location": "canary-e",
    }}});
    assert_shows::<types::AppointmentDocument>(
        &appointment,
        &["2097e072", "type_id: Known(AppointmentTypeId(aa6243fb"],
        &["canary", "1822"],
    );
    let changes = json!({"description": "canary-a", "location": null});
    assert_shows::<types::AppointmentChanges>(
        &changes,
        &["description: Set([phi])", "location: Clear", "host_url: Keep"],
        &["canary"],
    );
}

#[test]
fn error_document_shows_pointer_and_hides_texts() {
    let errors = json!({"errors": [{
        "status": 422, "code": "taken", "title": "canary-a", "detail": "canary-b",
        "source": {"pointer": "/data/attributes/email"},
    }]});
    assert_shows::<types::ErrorDocument>(&errors, &["taken", "/data/attributes/email"], &["canary"]);
}

#[test]
fn list_hides_links_and_practitioner_names() {
    let page = json!({
        "data": [{"id": "2097e072-92f6-4333-99d6-9693d63be652", "attributes": {"name": "canary-a"}}],
        "links": {"next": "https://example.com/?filter[individual-id]=canary-b"},
    });
    assert_shows::<types::PractitionerList>(&page, &["2097e072"], &["canary"]);
}

#[test]
fn builder_does_not_quote_invalid_values() {
    let builder = types::NewPatient::builder().first_name("").gender("canary").birth_date("canary");
    let text = shown(&builder);
    let error = types::NewPatient::try_from(builder).unwrap_err();
    assert_hidden("builder", &format!("{text} {error} {error:?}"), &["canary"]);
}
