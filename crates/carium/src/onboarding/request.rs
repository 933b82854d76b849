//! The request for one patient, and the validation of rows.

mod fields;

use std::fmt;
use std::path::Path;

use carium_api::onboarding as schema;
use carium_api::types::NotificationChannel;
use serde::{Deserialize, Deserializer};

pub(crate) use self::fields::{Json, ObjectReader, RowProblems};
use super::documents_folder;
use crate::appointments::AppointmentFields;
use crate::documents::DocumentFields;
use crate::error::Error;
use crate::generated::rows::{self, RowAppointment, RowDocument, RowFields};
use crate::patients::{NewPatient, OrganizationId};
use crate::problem::{Problem, required};

/// A validated request to onboard one patient: the patient, the invitation, the documents and the first appointment.
///
/// Every part satisfies the rules of its own type ([`NewPatient`], [`NewInvitation`](crate::NewInvitation),
/// [`NewDocument`](crate::NewDocument), [`NewAppointment`](crate::appointments::NewAppointment)).
///
/// A request is read from JSON as an [`OnboardingRow`], or converted from the type of the schema:
///
/// ```
/// use carium::onboarding::{OnboardingRequest, schema};
///
/// let row: schema::OnboardingRequest = schema::OnboardingRequest::builder()
///     .first_name("Zoë")
///     .last_name("O'Hara")
///     .birth_date("1984-02-29")
///     .gender(carium::patients::Gender::Female)
///     .email("zoe.ohara@example.com")
///     .organization_id("8d25a2a6-8219-40d1-a34f-c24ec69f4f72")
///     .try_into()?;
/// let request = OnboardingRequest::try_from(&row)?;
/// assert_eq!(request.username(), "zoe.ohara@example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct OnboardingRequest {
    pub(super) row: schema::OnboardingRequest,
    pub(super) patient: NewPatient,
}

impl OnboardingRequest {
    /// Returns the patient to create, without groups: the row can name them, and [`Onboarding::run`] looks them up.
    ///
    /// [`Onboarding::run`]: crate::Onboarding::run
    pub fn patient(&self) -> &NewPatient {
        &self.patient
    }

    /// Returns the username that the patient will sign in with.
    pub fn username(&self) -> &str {
        self.patient.username()
    }

    /// Returns the organization that the patient is created in.
    pub fn organization(&self) -> OrganizationId {
        self.patient.organization()
    }

    /// Returns all attributes in the form of the schema, including defaults such as the username.
    pub fn attributes(&self) -> &schema::OnboardingRequest {
        &self.row
    }
}

impl TryFrom<&schema::OnboardingRequest> for OnboardingRequest {
    type Error = Error;

    /// Validates a row. The error lists all problems, as described in [`OnboardingRow::check`].
    fn try_from(row: &schema::OnboardingRequest) -> Result<Self, Error> {
        let json = serde_json::to_value(row).and_then(Json::deserialize);
        let json = json.map_err(|_| Error::invalid("the row cannot be written as JSON", Vec::new()))?;
        OnboardingRow(json).check()
    }
}

impl fmt::Debug for OnboardingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.row.fmt(f)
    }
}

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
        let mut problems = RowProblems::default();
        let fields = RowFields::read(String::new(), &self.0, &mut problems);
        build_request(fields, problems)
    }

    /// Validates the row, and checks that the files of its documents are in this folder. Reads the file system, so
    /// it may block the thread.
    ///
    /// # Errors
    /// As for [`check`](Self::check). A file that is missing or not readable is listed as a problem of its path.
    pub fn check_with_documents_in(&self, folder: &Path) -> Result<OnboardingRequest, Error> {
        let mut problems = RowProblems::default();
        let fields = RowFields::read(String::new(), &self.0, &mut problems);
        let root = folder.canonicalize();
        for (index, document) in fields.documents.iter().enumerate() {
            let Some(path) = &document.path else { continue };
            if problems.is_full() || documents_folder::check_relative(path).is_err() {
                continue;
            }
            let problem = |message| Problem::new(format!("documents[{index}].path"), message);
            match root.as_deref().map(|root| documents_folder::locate_in(root, path)) {
                Ok(Ok(_)) => {}
                Ok(Err(file)) => problems.add(problem(file.message())),
                Err(_) => problems.add(
                    problem("cannot be found")
                        .with_hint("check that the documents folder exists and can be read"),
                ),
            }
        }
        build_request(fields, problems)
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

/// Applies the rules of all parts of a row and builds the request. `problems` are those that were found when the
/// fields were read.
fn build_request(mut fields: RowFields, mut problems: RowProblems) -> Result<OnboardingRequest, Error> {
    let patient = match fields.patient().build() {
        Ok(patient) => Some(patient),
        Err(error) => {
            problems.add_once(error.problems().iter().cloned());
            None
        }
    };
    check_invite(&fields, &mut problems);
    let groups = check_groups(std::mem::take(&mut fields.individual_group_ids), &mut problems);
    let documents: Vec<_> = std::mem::take(&mut fields.documents)
        .into_iter()
        .enumerate()
        // A row may have any number of invalid documents.
        .map(|(index, document)| {
            (!problems.is_full()).then(|| check_document(index, document, &mut problems)).flatten()
        })
        .collect();
    let appointment = match fields.appointment.take() {
        Some(appointment) => check_appointment(appointment, &mut problems).map(Some),
        None => Some(None),
    };
    let parts = patient.zip(documents.into_iter().collect::<Option<Vec<_>>>()).zip(appointment);
    let Some(((patient, documents), appointment)) = parts.filter(|_| problems.is_empty()) else {
        return Err(problems.into_error());
    };
    let mut row = rows::row_of(patient.attributes());
    row.individual_group_ids = groups;
    row.invite = fields.invite.into_iter().map(|(_, channel)| channel).collect();
    row.documents = documents;
    row.appointment = appointment;
    Ok(OnboardingRequest { row, patient })
}

/// Returns the groups of the patient, or adds a problem for each one that is empty.
fn check_groups(groups: Vec<(usize, String)>, problems: &mut RowProblems) -> Vec<schema::IdOrName> {
    let mut found = Vec::new();
    let check =
        |(index, group)| check_id_or_name(format!("individual-group-ids[{index}]"), Some(group), &mut found);
    let groups = groups.into_iter().filter_map(check).collect();
    problems.add_once(found);
    groups
}

/// Checks that each channel is requested once and has an address. The service sends an invitation to the email
/// address or phone number in the patient's record (vendor documentation, Examples page).
fn check_invite(fields: &RowFields, problems: &mut RowProblems) {
    for (position, (index, channel)) in fields.invite.iter().enumerate() {
        if problems.is_full() {
            return;
        }
        let path = format!("invite[{index}]");
        let missing_address = match channel {
            NotificationChannel::Email if fields.email.is_none() => {
                Some(("needs an email address", "give `email`, or use another channel"))
            }
            NotificationChannel::Sms if fields.mobile_phone.is_none() => {
                Some(("needs a phone number", "give `mobile-phone`, or use another channel"))
            }
            // The requirements of a channel that this version does not know are left to the service.
            _ => None,
        };
        if fields.invite[..position].iter().any(|(_, before)| before == channel) {
            problems.add(Problem::new(path, "is given twice"));
        } else if let Some((message, hint)) = missing_address {
            problems.add(Problem::new(path, message).with_hint(hint));
        }
    }
}

/// Checks a document and returns it, or adds its problems.
fn check_document(
    index: usize,
    fields: RowDocument,
    problems: &mut RowProblems,
) -> Option<schema::OnboardingDocument> {
    let path_of = |name: &str| format!("documents[{index}].{name}");
    let mut found = Vec::new();
    let class = check_id_or_name(path_of("class"), fields.class.clone(), &mut found);
    let values =
        DocumentFields { name: fields.name.as_deref(), file_name: fields.path.as_deref(), media_type: None };
    // A row has a path in place of the file name and the media type.
    let path_of_field = |name: &str| path_of(if name == "name" { name } else { "path" });
    let checked = values.check(|name| path_of_field(name).into(), &mut found);
    let path = fields.path.as_deref().and_then(|path| {
        if let Err(message) = documents_folder::check_relative(path) {
            found.push(Problem::new(path_of("path"), message));
        }
        schema::DocumentPath::try_from(path).ok()
    });
    problems.add_once(found);
    let required = schema::required::OnboardingDocument { class: class?, name: checked?.name, path: path? };
    let mut document = schema::OnboardingDocument::from(required);
    fields.move_optional_to(&mut document);
    Some(document)
}

/// Checks an appointment and returns it, or adds its problems.
fn check_appointment(
    fields: RowAppointment,
    problems: &mut RowProblems,
) -> Option<schema::OnboardingAppointment> {
    let path_of = |name: &str| format!("appointment.{name}");
    let mut found = Vec::new();
    let practitioner = check_id_or_name(path_of("practitioner"), fields.practitioner.clone(), &mut found);
    let appointment_type = check_id_or_name(path_of("type"), fields.type_.clone(), &mut found);
    let status = check_id_or_name(path_of("status"), fields.status.clone(), &mut found);
    let add_video_channel = required(path_of("add-video-channel"), fields.add_video_channel, &mut found);
    let values = AppointmentFields {
        start: fields.start_time,
        end: fields.end_time,
        has_video_channel: add_video_channel == Some(true),
        guest_url: fields.guest_url.as_deref(),
        host_url: fields.host_url.as_deref(),
    };
    let times = values.check(|name| path_of(name).into(), &mut found);
    problems.add_once(found);
    let (start_time, end_time) = times?;
    let mut appointment = schema::OnboardingAppointment::from(schema::required::OnboardingAppointment {
        add_video_channel: add_video_channel?,
        end_time,
        practitioner: practitioner?,
        start_time,
        status: status?,
        type_: appointment_type?,
    });
    fields.move_optional_to(&mut appointment);
    Some(appointment)
}

/// Checks a field that contains an ID or a name.
fn check_id_or_name(
    path: String,
    text: Option<String>,
    problems: &mut Vec<Problem>,
) -> Option<schema::IdOrName> {
    let text = required(path.clone(), text, problems)?;
    if text.trim().is_empty() {
        problems.push(Problem::new(path, "is empty"));
    }
    schema::IdOrName::try_from(text).ok()
}
