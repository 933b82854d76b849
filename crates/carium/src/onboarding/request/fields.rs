//! The fields of a row, read from untyped JSON.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use carium_api::DateTime;
use carium_api::types::{Gender, Locale, NotificationChannel, OrganizationId};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::Error;
use crate::problem::Problem;

/// The fields of a row. A field is `None` if it is omitted or if its type or format is wrong.
#[derive(Default)]
pub(super) struct RowFields {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) birth_date: Option<String>,
    pub(super) gender: Option<Gender>,
    pub(super) email: Option<String>,
    pub(super) mobile_phone: Option<String>,
    pub(super) locale: Option<Locale>,
    /// Each group with its index in the list of the row.
    pub(super) individual_group_ids: Vec<(usize, String)>,
    pub(super) username: Option<String>,
    pub(super) organization_id: Option<OrganizationId>,
    /// Each channel with its index in the list of the row.
    pub(super) invite: Vec<(usize, NotificationChannel)>,
    pub(super) documents: Vec<RowDocument>,
    pub(super) appointment: Option<RowAppointment>,
}

/// The fields of a document of a row.
#[derive(Default)]
pub(super) struct RowDocument {
    pub(super) class: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) path: Option<String>,
}

/// The fields of the appointment of a row.
#[derive(Default)]
pub(super) struct RowAppointment {
    pub(super) practitioner: Option<String>,
    pub(super) appointment_type: Option<String>,
    pub(super) status: Option<String>,
    pub(super) start_time: Option<DateTime>,
    pub(super) end_time: Option<DateTime>,
    pub(super) add_video_channel: Option<bool>,
    pub(super) guest_url: Option<String>,
    pub(super) host_url: Option<String>,
    pub(super) description: Option<String>,
    pub(super) patient_instruction: Option<String>,
    pub(super) location: Option<String>,
}

/// The message and the hint of a problem.
type ProblemText = (&'static str, &'static str);

const NOT_AN_ID: ProblemText = ("is not an ID", "write a UUID");
const NOT_ALLOWED: &str = "is not an allowed value";
const NOT_A_TIME: ProblemText = ("is not a point in time", "write it like 2027-01-04T09:00:00Z");

impl RowFields {
    pub(super) fn read(row: &Json, problems: &mut RowProblems) -> Self {
        let mut fields = Self::default();
        let mut reader = ObjectReader { path: String::new(), problems };
        reader.read_members(row, |reader, name, value| {
            match name {
                "first-name" => fields.first_name = reader.string(name, value),
                "last-name" => fields.last_name = reader.string(name, value),
                "birth-date" => fields.birth_date = reader.string(name, value),
                "gender" => {
                    let hint = "write `male`, `female`, `pnta`, `other` or `unknown`";
                    fields.gender = reader.parsed(name, value, (NOT_ALLOWED, hint));
                }
                "email" => fields.email = reader.string(name, value),
                "mobile-phone" => fields.mobile_phone = reader.string(name, value),
                "locale" => {
                    let hint = "write `en_US` or `es_US`, or omit it";
                    fields.locale = reader.parsed(name, value, (NOT_ALLOWED, hint));
                }
                "individual-group-ids" => {
                    let items = reader.list(name, value).enumerate();
                    let groups = items.filter_map(|(index, (path, item))| {
                        reader.string(&path, item).map(|group| (index, group))
                    });
                    fields.individual_group_ids = groups.collect();
                }
                "username" => fields.username = reader.string(name, value),
                "organization-id" => fields.organization_id = reader.parsed(name, value, NOT_AN_ID),
                "invite" => {
                    let items = reader.list(name, value);
                    let text = (NOT_ALLOWED, "write `email` or `sms`");
                    let channels = items.enumerate().filter_map(|(index, (path, item))| {
                        reader.parsed(&path, item, text).map(|channel| (index, channel))
                    });
                    fields.invite = channels.collect();
                }
                "documents" => {
                    let items = reader.list(name, value);
                    fields.documents =
                        items.map(|(path, item)| RowDocument::read(path, item, reader.problems)).collect();
                }
                "appointment" => {
                    fields.appointment = Some(RowAppointment::read(name, value, reader.problems));
                }
                _ => return false,
            }
            true
        });
        fields
    }
}

impl RowDocument {
    fn read(path: String, document: &Json, problems: &mut RowProblems) -> Self {
        let mut fields = Self::default();
        ObjectReader { path, problems }.read_members(document, |reader, name, value| {
            match name {
                "class" => fields.class = reader.string(name, value),
                "name" => fields.name = reader.string(name, value),
                "description" => fields.description = reader.string(name, value),
                "path" => fields.path = reader.string(name, value),
                _ => return false,
            }
            true
        });
        fields
    }
}

impl RowAppointment {
    fn read(path: &str, appointment: &Json, problems: &mut RowProblems) -> Self {
        let mut fields = Self::default();
        ObjectReader { path: path.to_owned(), problems }.read_members(appointment, |reader, name, value| {
            match name {
                "practitioner" => fields.practitioner = reader.string(name, value),
                "type" => fields.appointment_type = reader.string(name, value),
                "status" => fields.status = reader.string(name, value),
                "start-time" => fields.start_time = reader.parsed(name, value, NOT_A_TIME),
                "end-time" => fields.end_time = reader.parsed(name, value, NOT_A_TIME),
                "add-video-channel" => fields.add_video_channel = reader.boolean(name, value),
                "guest-url" => fields.guest_url = reader.string(name, value),
                "host-url" => fields.host_url = reader.string(name, value),
                "description" => fields.description = reader.string(name, value),
                "patient-instruction" => fields.patient_instruction = reader.string(name, value),
                "location" => fields.location = reader.string(name, value),
                _ => return false,
            }
            true
        });
        fields
    }
}

/// The problems of a row, at most 100. A row with more of them is probably not a row of this schema.
#[derive(Default)]
pub(super) struct RowProblems(Vec<Problem>);

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

    /// Returns an error with all problems.
    pub(super) fn into_error(self) -> Error {
        Error::invalid("the row cannot be onboarded as given", self.0)
    }
}

/// Reads the members of a JSON object, and collects problems with the path of each field.
struct ObjectReader<'a> {
    /// The path of the object in the row. Empty for the row itself.
    path: String,
    problems: &'a mut RowProblems,
}

impl ObjectReader<'_> {
    /// Calls `read` once for each member that is not `null`. `read` returns whether it knows the name.
    fn read_members(&mut self, object: &Json, mut read: impl FnMut(&mut Self, &str, &Json) -> bool) {
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
                self.add_problem(&printable(name), "is not a field of the schema");
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

    fn add_problem_with_hint(&mut self, name: &str, (message, hint): ProblemText) {
        self.problems.add(self.problem(name, message).with_hint(hint));
    }

    fn string(&mut self, name: &str, value: &Json) -> Option<String> {
        let Json::Text(text) = value else {
            self.add_problem(name, "is not a string");
            return None;
        };
        Some(text.clone())
    }

    fn boolean(&mut self, name: &str, value: &Json) -> Option<bool> {
        let Json::Bool(boolean) = value else {
            self.add_problem_with_hint(name, (NOT_ALLOWED, "write `true` or `false`"));
            return None;
        };
        Some(*boolean)
    }

    /// Parses a string, or adds a problem with this message and hint.
    fn parsed<T: FromStr>(&mut self, name: &str, value: &Json, text: ProblemText) -> Option<T> {
        let parsed = if let Json::Text(text) = value { text.parse().ok() } else { None };
        if parsed.is_none() {
            self.add_problem_with_hint(name, text);
        }
        parsed
    }

    /// Returns the items of a list, each with its path.
    fn list<'v>(
        &mut self,
        name: &str,
        value: &'v Json,
    ) -> impl Iterator<Item = (String, &'v Json)> + use<'v> {
        let items: &[Json] = if let Json::List(items) = value {
            items
        } else {
            self.add_problem(name, "is not a list");
            &[]
        };
        let name = name.to_owned();
        items.iter().enumerate().map(move |(index, item)| (format!("{name}[{index}]"), item))
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
pub(super) enum Json {
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
