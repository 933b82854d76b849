//! Parses a line of NDJSON into a row.

use std::fmt;

use carium::onboarding::OnboardingRow;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::Row;
use super::check::{KeyFields, check_row};
use super::columns::PATIENT_FIELDS;
use super::header::{FileSettings, Header};
use super::location::RowLocation;
use super::problem::{RowProblem, RowProblems};

/// Parses a line, or returns all of its problems.
pub(super) fn parse(header: &Header, bytes: &[u8], line: u64, offset: u64) -> Result<Row, RowProblems> {
    let settings = &*header.0;
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
    let seed = RowSeed { settings, key_fields: &mut key_fields, key: &mut key };
    let row = seed.deserialize(&mut deserializer).and_then(|row| deserializer.end().map(|()| row));
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
            problems.push(locate(line, settings.key.as_deref()).with_message(message));
        }
    }
    check_row(settings, location, &key_fields, &row, problems, |field| locate(line, field))
}

/// Creates a problem without a message at a schema field.
fn locate(line: u64, field: Option<&str>) -> RowProblem {
    let problem = RowProblem::new(line, "");
    match field {
        Some(field) => problem.with_field(field),
        None => problem,
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
struct RowSeed<'a> {
    settings: &'a FileSettings,
    key_fields: &'a mut KeyFields,
    key: &'a mut KeyValue,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = OnboardingRow;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<OnboardingRow, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = OnboardingRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<OnboardingRow, A::Error> {
        let has_organization = self.settings.organization.is_none();
        let members = RowMembers { inner: members, seed: self, pending_value: None, has_organization };
        OnboardingRow::deserialize(MapAccessDeserializer::new(members))
    }
}

/// The members of the row's object, with the key removed and the organization added.
struct RowMembers<'a, A> {
    inner: A,
    seed: RowSeed<'a>,
    /// The value of the current member, if it was already read.
    pending_value: Option<Value>,
    /// Whether the row has an organization, or the options have none to add.
    has_organization: bool,
}

impl<'de, A: MapAccess<'de>> RowMembers<'_, A> {
    /// Returns the name of the next member that is passed to `OnboardingRow`.
    fn next_name(&mut self) -> Result<Option<String>, A::Error> {
        while let Some(name) = self.inner.next_key::<String>()? {
            let is_key = self.seed.settings.key.as_deref() == Some(name.as_str());
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
        *self.seed.key = match (&*self.seed.key, key) {
            (KeyValue::Missing, key) => key,
            _ => KeyValue::Invalid("is the key, but occurs twice"),
        };
    }

    fn record_field(&mut self, name: &str, value: &Value) {
        let key_fields = &mut *self.seed.key_fields;
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
        let organization = self.seed.settings.organization?;
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
