//! Property tests: requests that are written as CSV or NDJSON are read back unchanged.

use std::collections::BTreeMap;

use carium::onboarding::{OnboardingRequest, OnboardingRow};
use carium_bulk::rows::{RowFormat, RowOptions};
use carium_mock::strategies::{document_name, file_name, new_patient, start_and_end, text};
use csv::{QuoteStyle, Terminator, WriterBuilder};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::locations::check_locations;
use crate::support::rows;

fn document() -> impl Strategy<Value = Value> {
    (document_name(), file_name(), option::of(text())).prop_map(|(name, file, description)| {
        let mut document =
            json!({"class": "Letters, \"old\"; new", "name": name, "path": format!("in/{file}")});
        if let Some(text) = description.filter(|text| !text.is_empty()) {
            document["description"] = text.into();
        }
        document
    })
}

fn appointment() -> impl Strategy<Value = Value> {
    (start_and_end(), any::<bool>(), option::of(text())).prop_map(|((start, end), video, text)| {
        let mut appointment = json!({
            "practitioner": "Dr. Who", "type": "First", "status": "Booked",
            "start-time": start.to_string(), "end-time": end.to_string(), "add-video-channel": video,
        });
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            appointment["location"] = text.as_str().into();
            appointment["patient-instruction"] = text.into();
        }
        if !video {
            appointment["guest-url"] = "https://example.com/guest?a=1,2".into();
        }
        appointment
    })
}

/// Generates an onboarding request.
pub(crate) fn request() -> impl Strategy<Value = OnboardingRequest> {
    (new_patient(), vec(document(), 0..3), option::of(appointment()), any::<bool>()).prop_map(
        |(patient, documents, appointment, has_invitations)| {
            let mut row = serde_json::to_value(patient.attributes()).unwrap();
            let members = row.as_object_mut().unwrap();
            members.retain(|_, value| !value.is_null());
            if has_invitations {
                let channels = [("email", "email"), ("mobile-phone", "sms")];
                let channels = channels.iter().filter(|(contact, _)| members.contains_key(*contact));
                let channels: Vec<Value> = channels.map(|(_, channel)| (*channel).into()).collect();
                members.insert("invite".to_owned(), channels.into());
            }
            members.insert("documents".to_owned(), documents.into());
            if let Some(appointment) = appointment {
                members.insert("appointment".to_owned(), appointment);
            }
            serde_json::from_value::<OnboardingRow>(row).unwrap().check().unwrap()
        },
    )
}

/// Variations in how a file is written.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "the variations are independent")]
pub(crate) struct Style {
    byte_order_mark: bool,
    carriage_returns: bool,
    always_quoted: bool,
    blank_rows: bool,
}

pub(crate) fn style() -> impl Strategy<Value = Style> {
    any::<[bool; 4]>().prop_map(|[byte_order_mark, carriage_returns, always_quoted, blank_rows]| Style {
        byte_order_mark,
        carriage_returns,
        always_quoted,
        blank_rows,
    })
}

/// Converts a request to CSV fields by column name.
fn csv_fields(request: &OnboardingRequest) -> BTreeMap<String, String> {
    let row = serde_json::to_value(request.attributes()).unwrap();
    let mut fields = BTreeMap::new();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap()).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    };
    let mut add = |prefix: &str, members: &Map<String, Value>| {
        for (name, value) in members {
            fields.insert(format!("{prefix}{name}"), text(value));
        }
    };
    for (name, value) in row.as_object().unwrap() {
        match name.as_str() {
            "documents" => {
                for (index, document) in value.as_array().unwrap().iter().enumerate() {
                    // Document numbers may have gaps.
                    add(&format!("document-{}-", 2 * index + 1), document.as_object().unwrap());
                }
            }
            "appointment" => add("appointment-", value.as_object().unwrap()),
            name => add("", &Map::from_iter([(name.to_owned(), value.clone())])),
        }
    }
    fields
}

/// Writes requests as a CSV file.
pub(crate) fn write_csv(requests: &[OnboardingRequest], style: Style) -> Vec<u8> {
    let rows: Vec<_> = requests.iter().map(csv_fields).collect();
    let mut names: Vec<String> =
        ["first-name", "last-name", "birth-date", "gender", "organization-id", "email"]
            .map(str::to_owned)
            .to_vec();
    for prefix in ["document-1-", "document-3-", "document-20-"] {
        names.extend(["class", "name", "description", "path"].map(|name| format!("{prefix}{name}")));
    }
    for name in rows.iter().flat_map(BTreeMap::keys) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let is_not_appointment = |name: &String| !name.starts_with("appointment-");
    if !names.iter().all(is_not_appointment) {
        names.retain(is_not_appointment);
        for row in &rows {
            for name in row.keys().filter(|name| !is_not_appointment(name)) {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
    }
    let mut file = if style.byte_order_mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
    let mut writer = WriterBuilder::new()
        .quote_style(if style.always_quoted { QuoteStyle::Always } else { QuoteStyle::Necessary })
        .terminator(if style.carriage_returns { Terminator::CRLF } else { Terminator::Any(b'\n') })
        .from_writer(&mut file);
    writer.write_record(&names).unwrap();
    for row in &rows {
        writer.write_record(names.iter().map(|name| row.get(name).map_or("", String::as_str))).unwrap();
        if style.blank_rows {
            writer.write_record(names.iter().map(|_| "")).unwrap();
        }
    }
    drop(writer);
    if style.blank_rows {
        file.extend_from_slice(b"\r\n\n");
    }
    file
}

/// Writes requests as an NDJSON file.
pub(crate) fn write_ndjson(requests: &[OnboardingRequest], style: Style) -> Vec<u8> {
    let mut file = if style.byte_order_mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
    for request in requests {
        serde_json::to_writer(&mut file, request.attributes()).unwrap();
        file.extend_from_slice(if style.carriage_returns { b"\r\n" } else { b"\n" });
        file.extend_from_slice(if style.blank_rows { b"  \n" } else { b"" });
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn reads_requests_as_written(requests in vec(request(), 1..6), style in style()) {
        let csv_rows = rows(RowFormat::Csv, write_csv(&requests, style), RowOptions::new());
        let ndjson_rows = rows(RowFormat::Ndjson, write_ndjson(&requests, style), RowOptions::new());
        let requests_of = |rows: &[carium_bulk::rows::Row]| -> Vec<_> {
            rows.iter().map(|row| row.request.clone()).collect()
        };
        prop_assert!(requests_of(&csv_rows) == requests);
        prop_assert!(requests_of(&ndjson_rows) == requests);
        for (one, other) in csv_rows.iter().zip(&ndjson_rows) {
            prop_assert_eq!((one.key, one.digest), (other.key, other.digest));
        }
    }

    #[test]
    fn reads_rows_again_at_their_locations(requests in vec(request(), 1..6), style in style()) {
        check_locations(RowFormat::Csv, &write_csv(&requests, style));
        check_locations(RowFormat::Ndjson, &write_ndjson(&requests, style));
    }
}
