//! A row as it was read: its fields, and what is wrong with their form.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use carium_api::onboarding as schema;
use serde::{Deserialize, Deserializer};

use super::json::Json;
use super::{OnboardingRequest, check};
use crate::error::Error;
use crate::onboarding::folder;
use crate::problem::Problem;

/// A row as it was read, in the shape of `specs/onboarding.schema.json`, and not checked yet.
///
/// It reads whatever has a shape, so that what is wrong is said of all of it at once and in words that quote nothing:
/// [`check`](Self::check). Reading fails where the text is not JSON, and where it does, `serde_json` says the line and
/// the column. `null` counts as left out.
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
    /// The row, if a patient can be onboarded by it. Files are not looked for, nor are names looked up.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): [`Error::problems`] names every field that is wrong, by its
    /// path in the schema, such as `documents[0].class`; of a row with more than a hundred, the first hundred.
    pub fn check(&self) -> Result<OnboardingRequest, Error> {
        let mut problems = Vec::new();
        let fields = RowFields::read(&self.0, &mut problems);
        check::checked(fields, problems)
    }

    /// The same, and whether the files of its documents are in this folder. It looks for them, which may block.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn check_with_documents_in(&self, folder: &Path) -> Result<OnboardingRequest, Error> {
        let mut problems = Vec::new();
        let fields = RowFields::read(&self.0, &mut problems);
        for (index, document) in fields.documents.iter().enumerate() {
            let Some(path) = &document.path else { continue };
            if problems.len() < MOST_PROBLEMS
                && folder::relative(path).is_ok()
                && let Err(what) = folder::find_one(folder, path)
            {
                problems.push(Problem::at(format!("documents[{index}].path"), what));
            }
        }
        check::checked(fields, problems)
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

/// The fields of a row, each as far as its form is right.
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
    /// With where each stands.
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
    pub(super) kind: Option<String>,
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

const NO_ID: &str = "is not an id: write a UUID";

impl RowFields {
    fn read(row: &Json, problems: &mut Vec<Problem>) -> Self {
        let mut fields = Self::default();
        let mut members = Members { path: String::new(), problems };
        members.of(row, |members, name, value| {
            match name {
                "first-name" => fields.first_name = members.text(name, value),
                "last-name" => fields.last_name = members.text(name, value),
                "birth-date" => fields.birth_date = members.text(name, value),
                "gender" => {
                    let what = "is none of `male`, `female`, `pnta`, `other` and `unknown`";
                    fields.gender = members.parsed(name, value, what);
                }
                "email" => fields.email = members.text(name, value),
                "mobile-phone" => fields.mobile_phone = members.text(name, value),
                "locale" => fields.locale = members.parsed(name, value, "is neither `en_US` nor `es_US`"),
                "individual-group-ids" => {
                    let items = members.list(name, value);
                    let ids = items.filter_map(|(path, item)| members.parsed(&path, item, NO_ID));
                    fields.individual_group_ids = ids.collect();
                }
                "username" => fields.username = members.text(name, value),
                "organization-id" => fields.organization_id = members.parsed(name, value, NO_ID),
                "invite" => {
                    let items = members.list(name, value);
                    let what = "is neither `sms` nor `email`";
                    let channels = items.enumerate().filter_map(|(index, (path, item))| {
                        members.parsed(&path, item, what).map(|channel| (index, channel))
                    });
                    fields.invite = channels.collect();
                }
                "documents" => {
                    let items = members.list(name, value);
                    fields.documents = items
                        .map(|(path, item)| DocumentFields::read(path, item, members.problems))
                        .collect();
                }
                "appointment" => {
                    fields.appointment = Some(AppointmentFields::read(name, value, members.problems));
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
        Members { path, problems }.of(document, |members, name, value| {
            match name {
                "class" => fields.class = members.text(name, value),
                "name" => fields.name = members.text(name, value),
                "description" => fields.description = members.text(name, value),
                "path" => fields.path = members.text(name, value),
                _ => return false,
            }
            true
        });
        fields
    }
}

impl AppointmentFields {
    fn read(path: &str, appointment: &Json, problems: &mut Vec<Problem>) -> Self {
        const NO_TIME: &str = "is not a point in time: write it like 2027-01-04T09:00:00Z";
        let mut fields = Self::default();
        Members { path: path.to_owned(), problems }.of(appointment, |members, name, value| {
            match name {
                "practitioner" => fields.practitioner = members.text(name, value),
                "type" => fields.kind = members.text(name, value),
                "status" => fields.status = members.text(name, value),
                "start-time" => fields.start_time = members.parsed(name, value, NO_TIME),
                "end-time" => fields.end_time = members.parsed(name, value, NO_TIME),
                "add-video-channel" => fields.add_video_channel = members.truth(name, value),
                "guest-url" => fields.guest_url = members.text(name, value),
                "host-url" => fields.host_url = members.text(name, value),
                "description" => fields.description = members.text(name, value),
                "patient-instruction" => fields.patient_instruction = members.text(name, value),
                "location" => fields.location = members.text(name, value),
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
            kind: Some(appointment.type_.as_str().to_owned()),
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

/// After so many, a row is of another form altogether, and no one reads on.
pub(super) const MOST_PROBLEMS: usize = 100;

/// Reads the members of an object, and says of each whose form is wrong where it stands.
struct Members<'a> {
    /// Where the object stands.
    path: String,
    problems: &'a mut Vec<Problem>,
}

impl Members<'_> {
    /// Hands on each member that is given, once. `take` says whether it knows the name.
    fn of(&mut self, object: &Json, mut take: impl FnMut(&mut Self, &str, &Json) -> bool) {
        let Json::Object(members) = object else {
            let path = if self.path.is_empty() { "the row".to_owned() } else { self.path.clone() };
            self.problems.push(Problem::at(path, "is not an object"));
            return;
        };
        let mut seen = HashSet::new();
        for (name, value) in members {
            if self.problems.len() >= MOST_PROBLEMS {
                return;
            }
            if !seen.insert(name.as_str()) {
                self.wrong(&shown(name), "is given twice");
            } else if !matches!(value, Json::Null) && !take(self, name, value) {
                self.wrong(&shown(name), "is not a field of the schema");
            }
        }
    }

    fn wrong(&mut self, name: &str, what: &'static str) {
        if self.problems.len() >= MOST_PROBLEMS {
            return;
        }
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        self.problems.push(Problem::at(path, what));
    }

    fn text(&mut self, name: &str, value: &Json) -> Option<String> {
        let Json::Text(text) = value else {
            self.wrong(name, "is not a text");
            return None;
        };
        Some(text.clone())
    }

    fn truth(&mut self, name: &str, value: &Json) -> Option<bool> {
        let Json::Bool(truth) = value else {
            self.wrong(name, "is neither `true` nor `false`");
            return None;
        };
        Some(*truth)
    }

    fn parsed<T: FromStr>(&mut self, name: &str, value: &Json, what: &'static str) -> Option<T> {
        let parsed = if let Json::Text(text) = value { text.parse().ok() } else { None };
        if parsed.is_none() {
            self.wrong(name, what);
        }
        parsed
    }

    /// The items of a list, each with its path.
    fn list<'v>(
        &mut self,
        name: &str,
        value: &'v Json,
    ) -> impl Iterator<Item = (String, &'v Json)> + use<'v> {
        let items: &[Json] = if let Json::List(items) = value {
            items
        } else {
            self.wrong(name, "is not a list");
            &[]
        };
        let name = name.to_owned();
        items.iter().enumerate().map(move |(index, item)| (format!("{name}[{index}]"), item))
    }
}

/// What a field is called that the schema does not know. Only what looks like a name: anything else might be a value.
fn shown(name: &str) -> String {
    let is_name = name.len() <= 40
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '-' | '_'));
    if is_name { name.to_owned() } else { "a field that has no plain name".to_owned() }
}
