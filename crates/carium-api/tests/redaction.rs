//! Nothing that the spec marks, and nothing that it does not know, is ever printed; and whatever an answer
//! holds is read and goes back as it came.
//!
//! The list of types in `generated/canaries.rs` follows from the specs, so that a new type cannot be
//! forgotten; it fills every marked place with a canary, and the lenient places of answers also with odd values,
//! with `null` and not at all. What the marks themselves must say is asserted by
//! hand below, so that a mark that is lost, or that the generator does not see, is noticed too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::{Debug, Display};

use carium_api::{BaseUrl, Client, HttpTransport, onboarding, types};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[rustfmt::skip]
#[path = "generated/canaries.rs"]
mod canaries;

#[test]
fn no_type_and_no_builder_prints_a_canary_and_each_goes_back_as_it_came() {
    canaries::check_all();
}

/// A newtype or an enum.
macro_rules! value {
    ($type:ty, $json:literal, [$($canary:literal),*]) => {{
        #[allow(unused_imports, reason = "a type has a Display or it has none")]
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

/// A struct with a builder.
macro_rules! document {
    ($module:ident :: $name:ident, $json:literal, [$($canary:literal),*]) => {{
        $crate::value!($module::$name, $json, [$($canary),*]);
        let value: $module::$name = $crate::read($json);
        let builder = $module::builder::$name::from(value);
        $crate::assert_hidden(stringify!($name), &$crate::shown(&builder), &[$($canary),*]);
    }};
}
use document;

/// A call with its body in it.
macro_rules! call {
    ($method:ident, $type:ty, $json:literal, [$($canary:literal),*]) => {{
        let client = $crate::client();
        let call = client.$method().body($crate::read::<$type>($json));
        $crate::assert_hidden(stringify!($method), &$crate::shown(&call), &[$($canary),*]);
    }};
}
use call;

/// `Display` where a type has it: the method of the reference is found only when that of the value is not.
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

/// Reads a document and asserts which of its texts are printed and which are not.
fn assert_shows<T: DeserializeOwned + Debug>(document: &Value, shows: &[&str], hides: &[&str]) {
    let text = shown(&read::<T>(&document.to_string()));
    for expected in shows {
        assert!(text.contains(expected), "{expected} should be in: {text}");
    }
    assert_hidden(std::any::type_name::<T>(), &text, hides);
}

#[test]
fn a_patient_shows_that_there_is_a_name_and_not_which() {
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
fn a_login_shows_neither_password_nor_code_nor_token() {
    let request = json!({"username": "canary-a", "password": "canary-b", "totp-code": "canary-c"});
    assert_shows::<types::LoginRequest>(&request, &["password: [secret]", "username: [phi]"], &["canary"]);
    let answer = json!({"access-token": "canary-a", "refresh-token": "canary-b"});
    assert_shows::<types::LoginAnswer>(&answer, &["[secret]", "refresh-token"], &["canary"]);
}

#[test]
fn a_document_shows_neither_its_name_nor_its_form() {
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
fn an_appointment_shows_its_ids_and_neither_times_nor_free_text() {
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
fn an_error_document_shows_where_and_not_what() {
    let errors = json!({"errors": [{
        "status": 422, "code": "taken", "title": "canary-a", "detail": "canary-b",
        "source": {"pointer": "/data/attributes/email"},
    }]});
    assert_shows::<types::ErrorDocument>(&errors, &["taken", "/data/attributes/email"], &["canary"]);
}

#[test]
fn links_and_practitioners_are_hidden_too() {
    let page = json!({
        "data": [{"id": "2097e072-92f6-4333-99d6-9693d63be652", "attributes": {"name": "canary-a"}}],
        "links": {"next": "https://example.com/?filter[individual-id]=canary-b"},
    });
    assert_shows::<types::PractitionerList>(&page, &["2097e072"], &["canary"]);
}

#[test]
fn a_value_that_cannot_be_converted_is_not_quoted_by_the_builder() {
    let builder = types::NewPatient::builder().first_name("").gender("canary").birth_date("canary");
    let text = shown(&builder);
    let error = types::NewPatient::try_from(builder).unwrap_err();
    assert_hidden("builder", &format!("{text} {error} {error:?}"), &["canary"]);
}
