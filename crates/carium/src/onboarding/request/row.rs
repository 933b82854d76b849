//! Reads the fields of a row, and collects the problems with their types and formats.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use carium_api::onboarding as schema;
use serde::{Deserialize, Deserializer};

use super::json::Json;
use super::{OnboardingRequest, check};
use crate::error::Error;
use crate::onboarding::documents_folder;
use crate::problem::Problem;

/// A row in the form of `specs/onboarding.schema.json`, read but not validated yet.
///
/// Any well-formed JSON value can be read. [`check`](Self::check) then reports all problems at once, in messages
/// that contain no values. Reading fails only if the text is not JSON; the error of `serde_json` has the line and
/// the column. A field that is `null` counts as omitted.
///
/// ```
/// use carium::onboarding::OnboardingRow;
///
/// let line = r#"{"first-name": "Zoë", "birth-date": "29.2.1984", "documents": [{"path": "../letter.pdf"}]}"#;
/// let error = serde_json::from_str::<OnboardingRow>(line)?.check().unwrap_err();
/// let fields: Vec<_> = error.problems().iter().filter_map(|problem| problem.field()).collect();
/// assert!(fields.contains(&"birth-date") && fields.contains(&"documents[0].path"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct OnboardingRow(Json);

impl OnboardingRow {
    /// Validates the row. Does not look for the files of documents and does not look up names.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): [`Error::problems`] lists every invalid field by its path
    /// in the schema, such as `documents[0].class`. At most 100 problems are listed.
    pub fn check(&self) -> Result<OnboardingRequest, Error> {
        let mut problems = Vec::new();
        let fields = RowFields::read(&self.0, &mut problems);
        check::build_request(fields, problems)
    }

    /// Validates the row, and checks that the files of its documents are in this folder. Reads the file system, so
    /// it may block the thread.
    ///
    /// # Errors
    /// As for [`check`](Self::check). A file that is missing or not readable is listed as a problem of its path.
    pub fn check_with_documents_in(&self, folder: &Path) -> Result<OnboardingRequest, Error> {
        let mut problems = Vec::new();
        let fields = RowFields::read(&self.0, &mut problems);
        let root = folder.canonicalize();
        for (index, document) in fields.documents.iter().enumerate() {
            let Some(path) = &document.path else { continue };
            if problems.len() >= MAX_PROBLEMS || documents_folder::check_relative(path).is_err() {
                continue;
            }
            let problem = |message| Problem::at(format!("documents[{index}].path"), message);
            match &root {
                Ok(root) => problems.extend(documents_folder::locate_in(root, path).err().map(problem)),
                Err(_) => problems.push(
                    problem("cannot be found")
                        .with_hint("check that the documents folder exists and can be read"),
                ),
            }
        }
        check::build_request(fields, problems)
    }
}

impl<'de> Deserialize<'de> for OnboardingRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Self)
    }
}

impl fmt::Debug for OnboardingRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnboardingRow").finish_non_exhaustive()
    }
}

/// The fields of a row. A field is `None` if it is omitted or if its type or format is wrong.
#[derive(Default)]
pub(super) struct RowFields {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) birth_date: Option<String>,
    pub(super) gender: Option<carium_api::types::Gender>,
    pub(super) email: Option<String>,
    pub(super) mobile_phone: Option<String>,
    pub(super) locale: Option<carium_api::types::Locale>,
    pub(super) individual_group_ids: Vec<carium_api::types::IndividualGroupId>,
    pub(super) username: Option<String>,
    pub(super) organization_id: Option<carium_api::types::OrganizationId>,
    /// Each channel with its index in the list of the row.
    pub(super) invite: Vec<(usize, carium_api::types::NotificationChannel)>,
    pub(super) documents: Vec<DocumentFields>,
    pub(super) appointment: Option<AppointmentFields>,
}

/// The fields of a document of a row.
#[derive(Default)]
pub(super) struct DocumentFields {
    pub(super) class: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) path: Option<String>,
}

/// The fields of the appointment of a row.
#[derive(Default)]
pub(super) struct AppointmentFields {
    pub(super) practitioner: Option<String>,
    pub(super) appointment_type: Option<String>,
    pub(super) status: Option<String>,
    pub(super) start_time: Option<carium_api::DateTime>,
    pub(super) end_time: Option<carium_api::DateTime>,
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
    fn read(row: &Json, problems: &mut Vec<Problem>) -> Self {
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
                    let items = reader.list(name, value);
                    let ids = items.filter_map(|(path, item)| reader.parsed(&path, item, NOT_AN_ID));
                    fields.individual_group_ids = ids.collect();
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
                        items.map(|(path, item)| DocumentFields::read(path, item, reader.problems)).collect();
                }
                "appointment" => {
                    fields.appointment = Some(AppointmentFields::read(name, value, reader.problems));
                }
                _ => return false,
            }
            true
        });
        fields
    }
}

impl DocumentFields {
    fn read(path: String, document: &Json, problems: &mut Vec<Problem>) -> Self {
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

impl AppointmentFields {
    fn read(path: &str, appointment: &Json, problems: &mut Vec<Problem>) -> Self {
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

impl From<&schema::OnboardingRequest> for RowFields {
    fn from(row: &schema::OnboardingRequest) -> Self {
        Self {
            first_name: Some(row.first_name.as_str().to_owned()),
            last_name: Some(row.last_name.as_str().to_owned()),
            birth_date: Some(row.birth_date.to_iso()),
            gender: Some(row.gender),
            email: row.email.as_ref().map(|email| email.as_str().to_owned()),
            mobile_phone: row.mobile_phone.as_ref().map(|phone| phone.as_str().to_owned()),
            locale: row.locale,
            individual_group_ids: row.individual_group_ids.clone(),
            username: row.username.as_ref().map(|username| username.as_str().to_owned()),
            organization_id: Some(row.organization_id),
            invite: row.invite.iter().copied().enumerate().collect(),
            documents: row.documents.iter().map(DocumentFields::from).collect(),
            appointment: row.appointment.as_ref().map(AppointmentFields::from),
        }
    }
}

impl From<&schema::OnboardingDocument> for DocumentFields {
    fn from(document: &schema::OnboardingDocument) -> Self {
        Self {
            class: Some(document.class.as_str().to_owned()),
            name: Some(document.name.as_str().to_owned()),
            description: document.description.clone(),
            path: Some(document.path.as_str().to_owned()),
        }
    }
}

impl From<&schema::OnboardingAppointment> for AppointmentFields {
    fn from(appointment: &schema::OnboardingAppointment) -> Self {
        Self {
            practitioner: Some(appointment.practitioner.as_str().to_owned()),
            appointment_type: Some(appointment.type_.as_str().to_owned()),
            status: Some(appointment.status.as_str().to_owned()),
            start_time: Some(appointment.start_time),
            end_time: Some(appointment.end_time),
            add_video_channel: Some(appointment.add_video_channel),
            guest_url: appointment.guest_url.clone(),
            host_url: appointment.host_url.clone(),
            description: appointment.description.clone(),
            patient_instruction: appointment.patient_instruction.clone(),
            location: appointment.location.clone(),
        }
    }
}

/// Maximum number of problems that are reported for a row. A row with more of them is probably not a row of this
/// schema.
pub(super) const MAX_PROBLEMS: usize = 100;

/// Reads the members of a JSON object, and collects problems with the path of each field.
struct ObjectReader<'a> {
    /// The path of the object in the row. Empty for the row itself.
    path: String,
    problems: &'a mut Vec<Problem>,
}

impl ObjectReader<'_> {
    /// Calls `read` once for each member that is not `null`. `read` returns whether it knows the name.
    fn read_members(&mut self, object: &Json, mut read: impl FnMut(&mut Self, &str, &Json) -> bool) {
        let Json::Object(members) = object else {
            let path = if self.path.is_empty() { "the row".to_owned() } else { self.path.clone() };
            self.problems.push(Problem::at(path, "is not an object"));
            return;
        };
        let mut seen = HashSet::new();
        for (name, value) in members {
            if self.problems.len() >= MAX_PROBLEMS {
                return;
            }
            if !seen.insert(name.as_str()) {
                self.add_problem(&printable(name), "is given twice", None);
            } else if !matches!(value, Json::Null) && !read(self, name, value) {
                self.add_problem(&printable(name), "is not a field of the schema", None);
            }
        }
    }

    fn add_problem(&mut self, name: &str, message: &'static str, hint: Option<&'static str>) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        let problem = Problem::at(path, message);
        self.problems.push(match hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        });
    }

    fn string(&mut self, name: &str, value: &Json) -> Option<String> {
        let Json::Text(text) = value else {
            self.add_problem(name, "is not a string", None);
            return None;
        };
        Some(text.clone())
    }

    fn boolean(&mut self, name: &str, value: &Json) -> Option<bool> {
        let Json::Bool(boolean) = value else {
            self.add_problem(name, NOT_ALLOWED, Some("write `true` or `false`"));
            return None;
        };
        Some(*boolean)
    }

    /// Parses a string, or adds a problem with this message and hint.
    fn parsed<T: FromStr>(&mut self, name: &str, value: &Json, (message, hint): ProblemText) -> Option<T> {
        let parsed = if let Json::Text(text) = value { text.parse().ok() } else { None };
        if parsed.is_none() {
            self.add_problem(name, message, Some(hint));
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
            self.add_problem(name, "is not a list", None);
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
