//! What is wanted is read as it was written, in any form.

use std::collections::BTreeMap;

use carium::onboarding::{OnboardingRequest, OnboardingRow};
use carium_bulk::rows::{RowFormat, RowOptions};
use carium_mock::strategies::{document_name, file_name, new_patient, start_and_end, text};
use csv::{QuoteStyle, Terminator, WriterBuilder};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::places::read_again;
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

/// What can be wanted for a patient.
pub(crate) fn request() -> impl Strategy<Value = OnboardingRequest> {
    (new_patient(), vec(document(), 0..3), option::of(appointment()), any::<bool>()).prop_map(
        |(patient, documents, appointment, is_invited)| {
            let mut row = serde_json::to_value(patient.attributes()).unwrap();
            let members = row.as_object_mut().unwrap();
            members.retain(|_, value| !value.is_null());
            if is_invited {
                let ways = [("email", "email"), ("mobile-phone", "sms")];
                let ways = ways.iter().filter(|(contact, _)| members.contains_key(*contact));
                let ways: Vec<Value> = ways.map(|(_, way)| (*way).into()).collect();
                members.insert("invite".to_owned(), ways.into());
            }
            members.insert("documents".to_owned(), documents.into());
            if let Some(appointment) = appointment {
                members.insert("appointment".to_owned(), appointment);
            }
            serde_json::from_value::<OnboardingRow>(row).unwrap().check().unwrap()
        },
    )
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub(crate) struct Style {
    has_mark: bool,
    has_returns: bool,
    is_quoted: bool,
    has_gaps: bool,
}

pub(crate) fn style() -> impl Strategy<Value = Style> {
    any::<[bool; 4]>().prop_map(|[has_mark, has_returns, is_quoted, has_gaps]| Style {
        has_mark,
        has_returns,
        is_quoted,
        has_gaps,
    })
}

/// A row as columns.
fn flat(request: &OnboardingRequest) -> BTreeMap<String, String> {
    let row = serde_json::to_value(request.attributes()).unwrap();
    let mut cells = BTreeMap::new();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap()).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    };
    let mut add = |prefix: &str, members: &Map<String, Value>| {
        for (name, value) in members {
            cells.insert(format!("{prefix}{name}"), text(value));
        }
    };
    for (name, value) in row.as_object().unwrap() {
        match name.as_str() {
            "documents" => {
                for (index, document) in value.as_array().unwrap().iter().enumerate() {
                    // With a gap, which is no document.
                    add(&format!("document-{}-", 2 * index + 1), document.as_object().unwrap());
                }
            }
            "appointment" => add("appointment-", value.as_object().unwrap()),
            name => add("", &Map::from_iter([(name.to_owned(), value.clone())])),
        }
    }
    cells
}

/// The file of these rows as a table.
pub(crate) fn table(requests: &[OnboardingRequest], style: Style) -> Vec<u8> {
    let rows: Vec<_> = requests.iter().map(flat).collect();
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
    let is_whole = |name: &String| !name.starts_with("appointment-");
    if !names.iter().all(is_whole) {
        names.retain(is_whole);
        for row in &rows {
            for name in row.keys().filter(|name| !is_whole(name)) {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
    }
    let mut file = if style.has_mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
    let mut writer = WriterBuilder::new()
        .quote_style(if style.is_quoted { QuoteStyle::Always } else { QuoteStyle::Necessary })
        .terminator(if style.has_returns { Terminator::CRLF } else { Terminator::Any(b'\n') })
        .from_writer(&mut file);
    writer.write_record(&names).unwrap();
    for row in &rows {
        writer.write_record(names.iter().map(|name| row.get(name).map_or("", String::as_str))).unwrap();
        if style.has_gaps {
            writer.write_record(names.iter().map(|_| "")).unwrap();
        }
    }
    drop(writer);
    if style.has_gaps {
        file.extend_from_slice(b"\r\n\n");
    }
    file
}

/// The file of these rows as a line for each.
pub(crate) fn lines(requests: &[OnboardingRequest], style: Style) -> Vec<u8> {
    let mut file = if style.has_mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
    for request in requests {
        serde_json::to_writer(&mut file, request.attributes()).unwrap();
        file.extend_from_slice(if style.has_returns { b"\r\n" } else { b"\n" });
        file.extend_from_slice(if style.has_gaps { b"  \n" } else { b"" });
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn what_was_written_is_read(requests in vec(request(), 1..6), style in style()) {
        let of_table = rows(RowFormat::Csv, table(&requests, style), RowOptions::new());
        let of_lines = rows(RowFormat::Ndjson, lines(&requests, style), RowOptions::new());
        let read = |rows: &[carium_bulk::rows::Row]| -> Vec<_> {
            rows.iter().map(|row| row.request.clone()).collect()
        };
        prop_assert!(read(&of_table) == requests);
        prop_assert!(read(&of_lines) == requests);
        for (one, other) in of_table.iter().zip(&of_lines) {
            prop_assert_eq!((one.key, one.digest), (other.key, other.digest));
        }
    }

    #[test]
    fn a_row_is_read_again_at_its_place(requests in vec(request(), 1..6), style in style()) {
        read_again(RowFormat::Csv, &table(&requests, style));
        read_again(RowFormat::Ndjson, &lines(&requests, style));
    }
}
