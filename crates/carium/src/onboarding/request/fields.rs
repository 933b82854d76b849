//! Reads the fields of a row from untyped JSON. `crate::generated::rows` has the fields.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::Error;
use crate::generated::rows;
use crate::problem::Problem;

/// The problems of a row, at most 100. A row with more of them is probably not a row of this schema.
#[derive(Default)]
pub(crate) struct RowProblems(Vec<Problem>);

impl RowProblems {
    const MAX: usize = 100;

    /// Checks whether no more problems are added.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= Self::MAX
    }

    /// Adds a problem.
    pub(super) fn add(&mut self, problem: Problem) {
        if !self.is_full() {
            self.0.push(problem);
        }
    }

    /// Adds problems, at most one for each field: a field that could not be read is not reported as missing too.
    pub(super) fn add_once(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            if !self.is_full() && !self.0.iter().any(|known| known.field() == problem.field()) {
                self.0.push(problem);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an error with all problems. A problem without a hint gets the hint of its field.
    pub(super) fn into_error(self) -> Error {
        let with_hint = |problem: Problem| {
            let hint = problem.field().filter(|_| problem.hint().is_none()).and_then(hint_of);
            match hint {
                Some(hint) => problem.with_hint(hint),
                None => problem,
            }
        };
        Error::invalid("the row cannot be onboarded as given", self.0.into_iter().map(with_hint).collect())
    }
}

/// Returns the hint of a field, given its path in the row.
fn hint_of(path: &str) -> Option<&'static str> {
    let mut name = String::new();
    for part in path.split('[') {
        name.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
    }
    rows::hint(&name)
}

/// Reads the members of a JSON object, and collects problems with the path of each field.
pub(crate) struct ObjectReader<'a> {
    /// The path of the object in the row. Empty for the row itself.
    pub(crate) path: String,
    pub(crate) problems: &'a mut RowProblems,
}

impl ObjectReader<'_> {
    /// Calls `read` once for each member that is not `null`. `read` returns whether it knows the name.
    pub(crate) fn read_members(
        &mut self,
        object: &Json,
        mut read: impl FnMut(&mut Self, &str, &Json) -> bool,
    ) {
        let Json::Object(members) = object else {
            let path = if self.path.is_empty() { "the row".to_owned() } else { self.path.clone() };
            self.problems.add(Problem::new(path, "is not an object"));
            return;
        };
        let mut seen = HashSet::new();
        for (name, value) in members {
            if self.problems.is_full() {
                return;
            }
            if !seen.insert(name.as_str()) {
                self.add_problem(&printable(name), "is given twice");
            } else if !matches!(value, Json::Null) && !read(self, name, value) {
                self.problems.add(
                    self.problem(&printable(name), "is not a field of the schema").with_hint("remove it"),
                );
            }
        }
    }

    /// Returns a problem with a member of the object.
    fn problem(&self, name: &str, message: &'static str) -> Problem {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Problem::new(path, message)
    }

    fn add_problem(&mut self, name: &str, message: &'static str) {
        self.problems.add(self.problem(name, message));
    }

    pub(crate) fn string(&mut self, name: &str, value: &Json) -> Option<String> {
        let Json::Text(text) = value else {
            self.add_problem(name, "is not a string");
            return None;
        };
        Some(text.clone())
    }

    pub(crate) fn boolean(&mut self, name: &str, value: &Json) -> Option<bool> {
        let Json::Bool(boolean) = value else {
            self.add_problem(name, "is not an allowed value");
            return None;
        };
        Some(*boolean)
    }

    /// Parses a string, or adds a problem with this message.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        name: &str,
        value: &Json,
        message: &'static str,
    ) -> Option<T> {
        let parsed = if let Json::Text(text) = value { text.parse().ok() } else { None };
        if parsed.is_none() {
            self.add_problem(name, message);
        }
        parsed
    }

    /// Reads the items of a list with `read`, which gets the path of each. Returns each item that was read with its
    /// index.
    pub(crate) fn items<T>(
        &mut self,
        name: &str,
        value: &Json,
        read: impl Fn(&mut Self, &str, &Json) -> Option<T>,
    ) -> Vec<(usize, T)> {
        let Json::List(items) = value else {
            self.add_problem(name, "is not a list");
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, item)| Some((index, read(self, &format!("{name}[{index}]"), item)?)))
            .collect()
    }
}

/// Returns an unknown field name if it can be printed. A text that does not look like a field name is not printed,
/// because it may be a value of the row.
fn printable(name: &str) -> String {
    let is_name = name.len() <= 40
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '-' | '_'));
    if is_name { name.to_owned() } else { "a field whose name is hidden".to_owned() }
}

/// A JSON value that keeps duplicate members of an object, so that they can be reported.
///
/// Any well-formed JSON can be deserialized, so no error message of `serde` can contain a value of the row. Numbers
/// are not kept, because no field of a row is a number.
#[derive(Clone)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        Json::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}
