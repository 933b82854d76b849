//! NDJSON: splits a file into lines, and parses each line into a row.

use std::fmt;
use std::io::{self, Read};

use carium::onboarding::OnboardingRow;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer as _, Error, IntoDeserializer as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::check::{KeyFields, check_row};
use super::columns::PATIENT_FIELDS;
use super::fhir::{FhirPatient, NotOnboarded};
use super::mapping::{Mapping, parse_cells};
use super::problem::{RowError, RowProblem, RowProblems};
use super::row::{Row, RowLocation};
use super::settings::FileSettings;
use super::window::{ByteWindow, Next};

/// Reads lines that end with a line feed, optionally preceded by a carriage return.
pub(super) struct Lines<R> {
    window: ByteWindow<R>,
    /// The number of bytes of the window that the last line took.
    used: usize,
    max_row_bytes: usize,
}

/// A line without its line break.
pub(super) struct Line<'a> {
    bytes: &'a [u8],
    number: u64,
    offset: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(window: ByteWindow<R>, max_row_bytes: usize) -> Self {
        Self { window, used: 0, max_row_bytes }
    }

    pub(super) fn next(&mut self) -> io::Result<Next<Line<'_>>> {
        self.window.consume(self.used);
        self.used = 0;
        let mut searched = 0;
        let (length, used) = loop {
            let bytes = self.window.bytes();
            if let Some(at) = bytes[searched..].iter().position(|byte| *byte == b'\n') {
                break (searched + at, searched + at + 1);
            }
            searched = bytes.len();
            if searched > self.max_row_bytes {
                return self.skip_line();
            }
            if !self.window.read_more()? {
                break (searched, searched);
            }
        };
        if used == 0 {
            return Ok(Next::EndOfFile);
        }
        self.used = used;
        if length > self.max_row_bytes {
            return Ok(Next::TooLong(self.window.line()));
        }
        let bytes = &self.window.bytes()[..length];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(Next::Item(Line { bytes, number: self.window.line(), offset: self.window.offset() }))
    }

    /// Skips the rest of a line that is too long.
    fn skip_line(&mut self) -> io::Result<Next<Line<'_>>> {
        let line = self.window.line();
        loop {
            let bytes = self.window.bytes();
            let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            self.window.consume(end.unwrap_or(bytes.len()));
            if end.is_some() || !self.window.read_more()? {
                return Ok(Next::TooLong(line));
            }
        }
    }
}

impl Line<'_> {
    /// Returns the text of the line if it is UTF-8.
    pub(super) fn text(&self) -> Option<&str> {
        str::from_utf8(self.bytes).ok()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// Parses a line, or returns all of its problems.
pub(super) fn parse(settings: &FileSettings, line: &Line<'_>) -> Result<Row, RowProblems> {
    let Line { bytes, number: line, offset } = *line;
    let location = RowLocation { line, offset, length: bytes.len() as u64 };
    let invalid = |problem| RowProblems::new(line, Some(location), vec![problem]);
    let text = str::from_utf8(bytes).map_err(|error| {
        let problem = RowProblem::new(line, "is not UTF-8").at_column(error.valid_up_to() as u64 + 1);
        invalid(problem.with_hint("save the file as UTF-8"))
    })?;
    let malformed = |message, column: usize| {
        let problem = RowProblem::new(line, message).at_column(column as u64);
        invalid(problem.with_hint("write each row as one JSON object on its own line"))
    };
    let start = text.len() - text.trim_start_matches([' ', '\t', '\r']).len();
    if !text[start..].starts_with('{') {
        return Err(malformed("is not a JSON object", start + 1));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut key_fields = KeyFields::default();
    let mut key = KeyValue::Missing;
    let visitor = RowVisitor { settings, key_fields: &mut key_fields, key: &mut key };
    let row = deserializer.deserialize_map(visitor).and_then(|row| deserializer.end().map(|()| row));
    // The message of the error is not used because it may contain values from the file.
    let row = row.map_err(|error| match error.classify() {
        Category::Eof => malformed("the JSON object is not complete", error.column()),
        _ => malformed("is not valid JSON from here on", error.column()),
    })?;
    let mut problems = Vec::new();
    match key {
        KeyValue::Missing => {}
        KeyValue::Text(text) => key_fields.key = Some(text),
        KeyValue::Invalid(message) => {
            problems.push(RowProblem::new(line, message).with_field(settings.key()));
        }
    }
    let locate = |field: Option<&str>| RowProblem::new(line, "").with_field(field);
    check_row(settings, location, &key_fields, &row, problems, locate)
}

/// Parses a line that is a FHIR resource, or returns why it is not a row.
pub(super) fn parse_fhir(
    settings: &FileSettings,
    mapping: &Mapping,
    line: &Line<'_>,
) -> Result<Row, RowError> {
    let Line { bytes, number: line, offset } = *line;
    let location = RowLocation { line, offset, length: bytes.len() as u64 };
    let invalid = |problem| RowError::Invalid(RowProblems::new(line, Some(location), vec![problem]));
    let text = str::from_utf8(bytes).map_err(|error| {
        let problem = RowProblem::new(line, "is not UTF-8").at_column(error.valid_up_to() as u64 + 1);
        invalid(problem.with_hint("save the file as UTF-8"))
    })?;
    match FhirPatient::parse(text, line) {
        Ok(patient) => parse_cells(settings, mapping, location, &patient).map_err(RowError::Invalid),
        Err(NotOnboarded::Skipped(reason)) => Err(RowError::Skipped(line, reason)),
        Err(NotOnboarded::Malformed(column)) => {
            let problem =
                RowProblem::new(line, "is not a FHIR resource from here on").at_column(column as u64);
            Err(invalid(problem.with_hint("write each resource as one JSON object on its own line")))
        }
    }
}

/// The value of the key field of a line.
enum KeyValue {
    Missing,
    Text(String),
    /// Not a usable key, with the reason.
    Invalid(&'static str),
}

/// Deserializes a row. It removes the key field if it is not in the schema, and adds the organization of the options
/// if the row has none.
struct RowVisitor<'a> {
    settings: &'a FileSettings,
    key_fields: &'a mut KeyFields,
    key: &'a mut KeyValue,
}

impl<'de> Visitor<'de> for RowVisitor<'_> {
    type Value = OnboardingRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<OnboardingRow, A::Error> {
        let has_organization = self.settings.options.organization.is_none();
        let members = RowMembers { inner: members, visitor: self, pending_value: None, has_organization };
        OnboardingRow::deserialize(MapAccessDeserializer::new(members))
    }
}

/// The members of the row's object, with the key removed and the organization added.
struct RowMembers<'a, A> {
    inner: A,
    visitor: RowVisitor<'a>,
    /// The value of the current member, if it was already read.
    pending_value: Option<Value>,
    /// Whether the row has an organization, or the options have none to add.
    has_organization: bool,
}

impl<'de, A: MapAccess<'de>> RowMembers<'_, A> {
    /// Returns the name of the next member that is passed to `OnboardingRow`.
    fn next_name(&mut self) -> Result<Option<String>, A::Error> {
        while let Some(name) = self.inner.next_key::<String>()? {
            let is_key = self.visitor.settings.key() == Some(name.as_str());
            let is_in_schema = PATIENT_FIELDS.contains(&name.as_str())
                || ["documents", "appointment"].contains(&name.as_str());
            if is_key {
                let value = self.inner.next_value()?;
                self.record_key(&value);
                if !is_in_schema {
                    continue;
                }
                self.pending_value = Some(value);
            }
            if ["username", "email", "mobile-phone", "organization-id"].contains(&name.as_str()) {
                let value = match self.pending_value.take() {
                    Some(value) => value,
                    None => self.inner.next_value()?,
                };
                self.record_field(&name, &value);
                self.pending_value = Some(value);
            }
            return Ok(Some(name));
        }
        Ok(self.add_organization())
    }

    /// Records the key. It may be a string or an integer, because patient numbers are often written as integers.
    fn record_key(&mut self, value: &Value) {
        let key = match value {
            Value::Null => KeyValue::Missing,
            Value::String(text) => KeyValue::Text(text.clone()),
            Value::Number(number) if !number.is_f64() => KeyValue::Text(number.to_string()),
            _ => KeyValue::Invalid("is the key, but is neither a string nor an integer"),
        };
        *self.visitor.key = match (&*self.visitor.key, key) {
            (KeyValue::Missing, key) => key,
            _ => KeyValue::Invalid("is the key, but occurs twice"),
        };
    }

    fn record_field(&mut self, name: &str, value: &Value) {
        let key_fields = &mut *self.visitor.key_fields;
        let text = value.as_str().map(str::to_owned);
        match name {
            "username" => key_fields.username = text,
            "email" => key_fields.email = text,
            "mobile-phone" => key_fields.mobile_phone = text,
            _ => self.has_organization |= !value.is_null(),
        }
    }

    /// Adds the organization of the options as the last member, if the row has none.
    fn add_organization(&mut self) -> Option<String> {
        if self.has_organization {
            return None;
        }
        self.has_organization = true;
        let organization = self.visitor.settings.options.organization?;
        self.pending_value = Some(Value::String(organization.to_string()));
        Some("organization-id".to_owned())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for RowMembers<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.next_name()? else { return Ok(None) };
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.pending_value.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.inner.next_value_seed(seed),
        }
    }
}
