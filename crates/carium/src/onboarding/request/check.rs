//! Validates the fields of a row and builds the request. Applies the rules of all its parts, and collects all
//! problems.

use carium_api::onboarding as schema;
use carium_api::types::{
    AppointmentStatusId, AppointmentTypeId, DocumentClassId, IndividualId, NotificationChannel,
    OrganizationId, PractitionerId,
};
use carium_api::uuid::Uuid;

use super::OnboardingRequest;
use super::row::{AppointmentFields, DocumentFields, MAX_PROBLEMS, RowFields};
use crate::appointments::{NewAppointment, NewAppointmentBuilder};
use crate::documents::{NewDocument, NewDocumentBuilder};
use crate::error::Error;
use crate::onboarding::documents_folder;
use crate::patients::NewPatient;
use crate::problem::Problem;

/// Builds the request from the fields of a row. `problems` are those that were found when reading the fields.
///
/// # Errors
/// `InvalidInput`, with all problems.
pub(super) fn build_request(
    fields: RowFields,
    mut problems: Vec<Problem>,
) -> Result<OnboardingRequest, Error> {
    let patient = patient_builder(&fields)
        .build()
        .map_err(|error| add_problems(&mut problems, &error, Problem::clone))
        .ok();
    check_invite(&fields, &mut problems);
    let organization = fields.organization_id.unwrap_or(OrganizationId(Uuid::nil()));
    let documents: Vec<_> = fields
        .documents
        .into_iter()
        .enumerate()
        .map(|(index, fields)| {
            let is_checked = problems.len() < MAX_PROBLEMS;
            is_checked.then(|| check_document(index, fields, organization, &mut problems)).flatten()
        })
        .collect();
    let appointment = match fields.appointment {
        Some(fields) => check_appointment(fields, organization, &mut problems).map(Some),
        None => Some(None),
    };
    let parts = patient.zip(documents.into_iter().collect::<Option<Vec<_>>>()).zip(appointment);
    let Some(((patient, documents), appointment)) = parts.filter(|_| problems.is_empty()) else {
        problems.truncate(MAX_PROBLEMS);
        return Err(Error::invalid("the row cannot be onboarded as given", problems));
    };
    let attributes = patient.attributes();
    let mut row = schema::OnboardingRequest::from(schema::required::OnboardingRequest {
        first_name: attributes.first_name.clone(),
        last_name: attributes.last_name.clone(),
        birth_date: attributes.birth_date,
        gender: attributes.gender,
        organization_id: attributes.organization_id,
    });
    row.email.clone_from(&attributes.email);
    row.mobile_phone.clone_from(&attributes.mobile_phone);
    row.locale = attributes.locale;
    row.individual_group_ids.clone_from(&attributes.individual_group_ids);
    row.username.clone_from(&attributes.username);
    row.invite = fields.invite.into_iter().map(|(_, channel)| channel).collect();
    row.documents = documents;
    row.appointment = appointment;
    Ok(OnboardingRequest { row, patient })
}

/// Adds the problems of an error, at most one for each field. `to_row` renames the field of a problem to its path
/// in the row.
fn add_problems(problems: &mut Vec<Problem>, error: &Error, to_row: impl Fn(&Problem) -> Problem) {
    for problem in error.problems().iter().map(to_row) {
        if !problems.iter().any(|known| known.field() == problem.field()) {
            problems.push(problem);
        }
    }
}

fn patient_builder(fields: &RowFields) -> crate::patients::NewPatientBuilder {
    let mut patient = NewPatient::builder().groups(fields.individual_group_ids.iter().copied());
    macro_rules! set_if_present {
        ($($method:ident: $value:expr),* $(,)?) => {
            $(if let Some(value) = $value {
                patient = patient.$method(value);
            })*
        };
    }
    set_if_present! {
        first_name: fields.first_name.as_deref(),
        last_name: fields.last_name.as_deref(),
        birth_date: fields.birth_date.as_deref(),
        gender: fields.gender,
        email: fields.email.as_deref(),
        mobile_phone: fields.mobile_phone.as_deref(),
        locale: fields.locale,
        username: fields.username.as_deref(),
        organization: fields.organization_id,
    }
    patient
}

/// Checks that each channel is requested once and has an address. The service sends an invitation to the email
/// address or phone number in the patient's record (vendor documentation, Examples page).
fn check_invite(fields: &RowFields, problems: &mut Vec<Problem>) {
    for (position, (index, channel)) in fields.invite.iter().enumerate() {
        if problems.len() >= MAX_PROBLEMS {
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
            problems.push(Problem::at(path, "is given twice"));
        } else if let Some((message, hint)) = missing_address {
            problems.push(Problem::at(path, message).with_hint(hint));
        }
    }
}

fn check_document(
    index: usize,
    fields: DocumentFields,
    organization: OrganizationId,
    problems: &mut Vec<Problem>,
) -> Option<schema::OnboardingDocument> {
    let path_of = |name: &str| format!("documents[{index}].{name}");
    let class = id_or_name(path_of("class"), fields.class, problems);
    // The builder checks all other fields. The class may still be a name, and the patient does not exist yet, so
    // the nil UUID stands in for both.
    let placeholder = NewDocument::builder()
        .organization(organization)
        .patient(IndividualId(Uuid::nil()))
        .class(DocumentClassId(Uuid::nil()));
    let described = set_texts(placeholder, fields.name.as_deref(), fields.description.as_deref());
    let described = match fields.path.as_deref() {
        Some(path) => described.file_name(path),
        None => described,
    };
    let built = described.build().map_err(|error| {
        add_problems(problems, &error, |problem| {
            let name = match problem.field() {
                Some("attachment-filename" | "attachment-content-type") | None => "path",
                Some(name) => name,
            };
            problem.clone().with_path(path_of(name))
        });
    });
    let path = fields.path.as_deref().and_then(|path| {
        let relative = documents_folder::check_relative(path);
        if let Err(message) = relative
            && !problems.iter().any(|known| known.field() == Some(&path_of("path")))
        {
            problems.push(Problem::at(path_of("path"), message));
        }
        schema::DocumentPath::try_from(path).ok().filter(|_| relative.is_ok())
    });
    let name = built.ok()?.attributes().name.clone();
    let required = schema::required::OnboardingDocument { class: class?, name, path: path? };
    let mut document = schema::OnboardingDocument::from(required);
    document.description = fields.description;
    Some(document)
}

/// Sets the name and the description of a document.
fn set_texts(
    mut builder: NewDocumentBuilder,
    name: Option<&str>,
    description: Option<&str>,
) -> NewDocumentBuilder {
    if let Some(name) = name {
        builder = builder.name(name);
    }
    if let Some(text) = description {
        builder = builder.description(text);
    }
    builder
}

fn check_appointment(
    fields: AppointmentFields,
    organization: OrganizationId,
    problems: &mut Vec<Problem>,
) -> Option<schema::OnboardingAppointment> {
    let path_of = |name: &str| format!("appointment.{name}");
    let practitioner = id_or_name(path_of("practitioner"), fields.practitioner, problems);
    let appointment_type = id_or_name(path_of("type"), fields.appointment_type, problems);
    let status = id_or_name(path_of("status"), fields.status, problems);
    let is_missing = fields.add_video_channel.is_none();
    if is_missing && !problems.iter().any(|known| known.field() == Some(&path_of("add-video-channel"))) {
        problems.push(Problem::at(path_of("add-video-channel"), "is missing"));
    }
    // The builder checks all other fields. The nil UUID stands in for the fields that may still be names and for the
    // patient, who does not exist yet.
    let nil = Uuid::nil();
    let mut placeholder = NewAppointment::builder()
        .organization(organization)
        .patient(IndividualId(nil))
        .practitioner(PractitionerId(nil))
        .appointment_type(AppointmentTypeId(nil))
        .status(AppointmentStatusId(nil))
        .between_optional(fields.start_time, fields.end_time);
    if fields.add_video_channel == Some(true) {
        placeholder = placeholder.add_video_channel();
    }
    if let Some(url) = &fields.guest_url {
        placeholder = placeholder.guest_url(url);
    }
    if let Some(url) = &fields.host_url {
        placeholder = placeholder.host_url(url);
    }
    let built = placeholder.build().map_err(|error| {
        add_problems(problems, &error, |problem| {
            problem.clone().with_path(path_of(problem.field().unwrap_or_default()))
        });
    });
    built.ok()?;
    let mut appointment = schema::OnboardingAppointment::from(schema::required::OnboardingAppointment {
        add_video_channel: fields.add_video_channel?,
        end_time: fields.end_time?,
        practitioner: practitioner?,
        start_time: fields.start_time?,
        status: status?,
        type_: appointment_type?,
    });
    appointment.description = fields.description;
    appointment.guest_url = fields.guest_url;
    appointment.host_url = fields.host_url;
    appointment.location = fields.location;
    appointment.patient_instruction = fields.patient_instruction;
    Some(appointment)
}

/// Returns a builder with the fields of a row's appointment, given the IDs that its names were resolved to.
pub(in crate::onboarding) fn appointment_builder(
    row: &schema::OnboardingAppointment,
    practitioner: PractitionerId,
    appointment_type: AppointmentTypeId,
    status: AppointmentStatusId,
) -> NewAppointmentBuilder {
    let mut appointment = NewAppointment::builder()
        .practitioner(practitioner)
        .appointment_type(appointment_type)
        .status(status)
        .between(row.start_time, row.end_time);
    if row.add_video_channel {
        appointment = appointment.add_video_channel();
    }
    macro_rules! set_if_present {
        ($($name:ident),*) => {
            $(if let Some(value) = &row.$name {
                appointment = appointment.$name(value.as_str());
            })*
        };
    }
    set_if_present!(guest_url, host_url, description, patient_instruction, location);
    appointment
}

/// Returns a builder with the fields of a row's document, given the ID that its class was resolved to.
pub(in crate::onboarding) fn document_builder(
    row: &schema::OnboardingDocument,
    class: DocumentClassId,
) -> NewDocumentBuilder {
    let builder = NewDocument::builder().class(class).file_name(row.path.as_str());
    set_texts(builder, Some(row.name.as_str()), row.description.as_deref())
}

/// Returns a field that contains an ID or a name. Reports a problem if it is missing or blank.
fn id_or_name(path: String, text: Option<String>, problems: &mut Vec<Problem>) -> Option<schema::IdOrName> {
    let Some(text) = text else {
        if !problems.iter().any(|known| known.field() == Some(&path)) {
            problems.push(Problem::at(path, "is missing"));
        }
        return None;
    };
    if text.trim().is_empty() {
        problems.push(Problem::at(path, "is empty"));
        return None;
    }
    schema::IdOrName::try_from(text).ok()
}
