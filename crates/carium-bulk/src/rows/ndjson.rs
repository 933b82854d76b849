//! From a line of NDJSON to a row.

use std::fmt;

use carium::onboarding::OnboardingRow;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::Row;
use super::columns::PATIENT;
use super::finish::{Handles, finish};
use super::header::{Header, Known};
use super::place::RowLocation;
use super::problem::{RowProblem, RowProblems};

/// The row that a line says, with all that is wrong with it.
pub(super) fn row(header: &Header, bytes: &[u8], line: u64, offset: u64) -> Result<Row, RowProblems> {
    let known = &*header.0;
    let place = RowLocation { line, offset, length: bytes.len() as u64 };
    let wrong = |problem| RowProblems::new(line, Some(place), vec![problem]);
    let text = str::from_utf8(bytes).map_err(|error| {
        let problem = RowProblem::new(line, "is not UTF-8").column_at(error.valid_up_to() as u64 + 1);
        wrong(problem.with_hint("save the file as UTF-8"))
    })?;
    let shape = |what, column: usize| {
        let problem = RowProblem::new(line, what).column_at(column as u64);
        wrong(problem.with_hint("write each row as one JSON object, on a line of its own"))
    };
    let begins = text.len() - text.trim_start_matches([' ', '\t', '\r']).len();
    if !text[begins..].starts_with('{') {
        return Err(shape("is not a JSON object", begins + 1));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut handles = Handles::default();
    let mut key = KeyFound::Missing;
    let seed = Keyed { known, handles: &mut handles, key: &mut key };
    let row = seed.deserialize(&mut reader).and_then(|row| reader.end().map(|()| row));
    // The error's own words may quote what it found.
    let row = row.map_err(|error| match error.classify() {
        Category::Eof => shape("ends before the JSON object does", error.column()),
        _ => shape("is not JSON from here on", error.column()),
    })?;
    let mut problems = Vec::new();
    match key {
        KeyFound::Missing => {}
        KeyFound::Text(text) => handles.key = Some(text),
        KeyFound::Wrong(what) => problems.push(located(line, known.key.as_deref()).what_is(what)),
    }
    finish(known, place, &handles, &row, problems, |field| located(line, field))
}

/// A problem with nothing said yet.
fn located(line: u64, field: Option<&str>) -> RowProblem {
    let problem = RowProblem::new(line, "");
    match field {
        Some(field) => problem.of_field(field),
        None => problem,
    }
}

/// What a line has for the key.
enum KeyFound {
    Missing,
    Text(String),
    Wrong(&'static str),
}

/// Reads a row as it stands, but for the key, which is taken out where the schema does not know it, and the
/// organization, which is put in where it was left out.
struct Keyed<'a> {
    known: &'a Known,
    handles: &'a mut Handles,
    key: &'a mut KeyFound,
}

impl<'de> DeserializeSeed<'de> for Keyed<'_> {
    type Value = OnboardingRow;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<OnboardingRow, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keyed<'_> {
    type Value = OnboardingRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<OnboardingRow, A::Error> {
        let held = None;
        let has_organization = self.known.organization.is_none();
        let members = Members { rest: members, keyed: self, held, has_organization };
        OnboardingRow::deserialize(MapAccessDeserializer::new(members))
    }
}

struct Members<'a, A> {
    rest: A,
    keyed: Keyed<'a>,
    /// A value that was read already.
    held: Option<Value>,
    /// Whether one was given, or is not needed.
    has_organization: bool,
}

impl<'de, A: MapAccess<'de>> Members<'_, A> {
    /// The name of the next member that is handed on.
    fn next_name(&mut self) -> Result<Option<String>, A::Error> {
        while let Some(name) = self.rest.next_key::<String>()? {
            let is_key = self.keyed.known.key.as_deref() == Some(name.as_str());
            let is_of_schema =
                PATIENT.contains(&name.as_str()) || ["documents", "appointment"].contains(&name.as_str());
            if is_key {
                let value = self.rest.next_value()?;
                self.take_key(&value);
                if !is_of_schema {
                    continue;
                }
                self.held = Some(value);
            }
            if ["username", "email", "mobile-phone", "organization-id"].contains(&name.as_str()) {
                let value = match self.held.take() {
                    Some(value) => value,
                    None => self.rest.next_value()?,
                };
                self.note(&name, &value);
                self.held = Some(value);
            }
            return Ok(Some(name));
        }
        Ok(self.organization())
    }

    /// The key is a text, or a whole number, as which numbers of patients are often written.
    fn take_key(&mut self, value: &Value) {
        let found = match value {
            Value::Null => KeyFound::Missing,
            Value::String(text) => KeyFound::Text(text.clone()),
            Value::Number(number) if !number.is_f64() => KeyFound::Text(number.to_string()),
            _ => KeyFound::Wrong("is neither a text nor a whole number, and is the key"),
        };
        *self.keyed.key = match (&*self.keyed.key, found) {
            (KeyFound::Missing, found) => found,
            _ => KeyFound::Wrong("is given twice, and is the key"),
        };
    }

    fn note(&mut self, name: &str, value: &Value) {
        let handles = &mut *self.keyed.handles;
        let text = value.as_str().map(str::to_owned);
        match name {
            "username" => handles.username = text,
            "email" => handles.email = text,
            "mobile-phone" => handles.mobile_phone = text,
            _ => self.has_organization |= !value.is_null(),
        }
    }

    /// The organization of the rows that name none, as the last member.
    fn organization(&mut self) -> Option<String> {
        if self.has_organization {
            return None;
        }
        self.has_organization = true;
        let organization = self.keyed.known.organization?;
        self.held = Some(Value::String(organization.to_string()));
        Some("organization-id".to_owned())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.next_name()? else { return Ok(None) };
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.held.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.rest.next_value_seed(seed),
        }
    }
}
