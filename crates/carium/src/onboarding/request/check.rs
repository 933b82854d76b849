//! From the fields of a row to what can be done by it: the rules of its parts, all of them at once.

use carium_api::onboarding as schema;
use carium_api::types::{
    AppointmentStatusId, AppointmentTypeId, DocumentClassId, IndividualId, NotificationChannel,
    OrganizationId, PractitionerId,
};
use carium_api::uuid::Uuid;

use super::OnboardingRequest;
use super::row::{AppointmentFields, DocumentFields, MOST_PROBLEMS, RowFields};
use crate::appointments::{NewAppointment, NewAppointmentBuilder};
use crate::documents::{NewDocument, NewDocumentBuilder};
use crate::error::Error;
use crate::onboarding::folder;
use crate::patients::NewPatient;
use crate::problem::Problem;

/// The request that these fields make up. `problems` are those of their form.
pub(super) fn checked(fields: RowFields, mut problems: Vec<Problem>) -> Result<OnboardingRequest, Error> {
    let patient = patient(&fields).build().map_err(|error| add(&mut problems, &error, Problem::clone)).ok();
    invite(&fields, &mut problems);
    let organization = fields.organization_id.unwrap_or(OrganizationId(Uuid::nil()));
    let documents: Vec<_> = fields
        .documents
        .into_iter()
        .enumerate()
        .map(|(index, fields)| {
            let is_read = problems.len() < MOST_PROBLEMS;
            is_read.then(|| document(index, fields, organization, &mut problems)).flatten()
        })
        .collect();
    let appointment = match fields.appointment {
        Some(fields) => appointment(fields, organization, &mut problems).map(Some),
        None => Some(None),
    };
    let parts = patient.zip(documents.into_iter().collect::<Option<Vec<_>>>()).zip(appointment);
    let Some(((patient, documents), appointment)) = parts.filter(|_| problems.is_empty()) else {
        problems.truncate(MOST_PROBLEMS);
        return Err(Error::invalid("the row cannot be onboarded as given", problems));
    };
    let said = patient.attributes();
    let mut row = schema::OnboardingRequest::from(schema::required::OnboardingRequest {
        first_name: said.first_name.clone(),
        last_name: said.last_name.clone(),
        birth_date: said.birth_date,
        gender: said.gender,
        organization_id: said.organization_id,
    });
    row.email.clone_from(&said.email);
    row.mobile_phone.clone_from(&said.mobile_phone);
    row.locale = said.locale;
    row.individual_group_ids.clone_from(&said.individual_group_ids);
    row.username.clone_from(&said.username);
    row.invite = fields.invite.into_iter().map(|(_, channel)| channel).collect();
    row.documents = documents;
    row.appointment = appointment;
    Ok(OnboardingRequest { row, patient })
}

/// Adds the problems of an error, under the names that the row has for their fields: one for a field.
fn add(problems: &mut Vec<Problem>, error: &Error, renamed: impl Fn(&Problem) -> Problem) {
    for problem in error.problems().iter().map(renamed) {
        if !problems.iter().any(|known| known.field() == problem.field()) {
            problems.push(problem);
        }
    }
}

fn patient(fields: &RowFields) -> crate::patients::NewPatientBuilder {
    let mut patient = NewPatient::builder().groups(fields.individual_group_ids.iter().copied());
    macro_rules! given {
        ($($method:ident: $value:expr),* $(,)?) => {
            $(if let Some(value) = $value {
                patient = patient.$method(value);
            })*
        };
    }
    given! {
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

/// An invitation goes to the address that the patient's record has for its way (Examples page).
fn invite(fields: &RowFields, problems: &mut Vec<Problem>) {
    for (at, (index, channel)) in fields.invite.iter().enumerate() {
        if problems.len() >= MOST_PROBLEMS {
            return;
        }
        let path = format!("invite[{index}]");
        let (has_address, what) = match channel {
            NotificationChannel::Email => {
                (fields.email.is_some(), "has no address to go to: give `email`, or invite in another way")
            }
            NotificationChannel::Sms => (
                fields.mobile_phone.is_some(),
                "has no number to go to: give `mobile-phone`, or invite in another way",
            ),
            // What another way needs, the service knows.
            _ => (true, ""),
        };
        if fields.invite[..at].iter().any(|(_, before)| before == channel) {
            problems.push(Problem::at(path, "is given twice"));
        } else if !has_address {
            problems.push(Problem::at(path, what));
        }
    }
}

fn document(
    index: usize,
    fields: DocumentFields,
    organization: OrganizationId,
    problems: &mut Vec<Problem>,
) -> Option<schema::OnboardingDocument> {
    let at = |name: &str| format!("documents[{index}].{name}");
    let class = vocabulary_word(at("class"), fields.class, problems);
    // Everything that can be wrong with it but the class, which may be a name still, and the patient, whose id is not
    // known yet.
    let stand_in = NewDocument::builder()
        .organization(organization)
        .patient(IndividualId(Uuid::nil()))
        .class(DocumentClassId(Uuid::nil()));
    let described = describe(stand_in, fields.name.as_deref(), fields.description.as_deref());
    let described = match fields.path.as_deref() {
        Some(path) => described.file_name(path),
        None => described,
    };
    let built = described.build().map_err(|error| {
        add(problems, &error, |problem| {
            let name = match problem.field() {
                Some("attachment-filename" | "attachment-content-type") | None => "path",
                Some(name) => name,
            };
            problem.clone().renamed(at(name))
        });
    });
    let path = fields.path.as_deref().and_then(|path| {
        let is_relative = folder::relative(path);
        if let Err(what) = is_relative
            && !problems.iter().any(|known| known.field() == Some(&at("path")))
        {
            problems.push(Problem::at(at("path"), what));
        }
        schema::DocumentPath::try_from(path).ok().filter(|_| is_relative.is_ok())
    });
    let name = built.ok()?.attributes().name.clone();
    let required = schema::required::OnboardingDocument { class: class?, name, path: path? };
    let mut document = schema::OnboardingDocument::from(required);
    document.description = fields.description;
    Some(document)
}

/// What a row says of a document, but for where its file lies.
fn describe(
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

fn appointment(
    fields: AppointmentFields,
    organization: OrganizationId,
    problems: &mut Vec<Problem>,
) -> Option<schema::OnboardingAppointment> {
    let at = |name: &str| format!("appointment.{name}");
    let practitioner = vocabulary_word(at("practitioner"), fields.practitioner, problems);
    let kind = vocabulary_word(at("type"), fields.kind, problems);
    let status = vocabulary_word(at("status"), fields.status, problems);
    let missing = fields.add_video_channel.is_none();
    if missing && !problems.iter().any(|known| known.field() == Some(&at("add-video-channel"))) {
        problems.push(Problem::at(at("add-video-channel"), "is missing"));
    }
    // Everything that can be wrong with it but what may be a name still, and the patient, whose id is not known yet.
    let nil = Uuid::nil();
    let mut stand_in = NewAppointment::builder()
        .organization(organization)
        .patient(IndividualId(nil))
        .practitioner(PractitionerId(nil))
        .appointment_type(AppointmentTypeId(nil))
        .status(AppointmentStatusId(nil))
        .between_as_known(fields.start_time, fields.end_time);
    if fields.add_video_channel == Some(true) {
        stand_in = stand_in.with_video_channel();
    }
    if let Some(url) = &fields.guest_url {
        stand_in = stand_in.guest_url(url);
    }
    if let Some(url) = &fields.host_url {
        stand_in = stand_in.host_url(url);
    }
    let built = stand_in.build().map_err(|error| {
        add(problems, &error, |problem| problem.clone().renamed(at(problem.field().unwrap_or_default())));
    });
    built.ok()?;
    let mut appointment = schema::OnboardingAppointment::from(schema::required::OnboardingAppointment {
        add_video_channel: fields.add_video_channel?,
        end_time: fields.end_time?,
        practitioner: practitioner?,
        start_time: fields.start_time?,
        status: status?,
        type_: kind?,
    });
    appointment.description = fields.description;
    appointment.guest_url = fields.guest_url;
    appointment.host_url = fields.host_url;
    appointment.location = fields.location;
    appointment.patient_instruction = fields.patient_instruction;
    Some(appointment)
}

/// The appointment that a row describes, with what it draws on.
pub(in crate::onboarding) fn appointment_of(
    row: &schema::OnboardingAppointment,
    practitioner: PractitionerId,
    kind: AppointmentTypeId,
    status: AppointmentStatusId,
) -> NewAppointmentBuilder {
    let mut appointment = NewAppointment::builder()
        .practitioner(practitioner)
        .appointment_type(kind)
        .status(status)
        .between(row.start_time, row.end_time);
    if row.add_video_channel {
        appointment = appointment.with_video_channel();
    }
    macro_rules! given {
        ($($name:ident),*) => {
            $(if let Some(value) = &row.$name {
                appointment = appointment.$name(value.as_str());
            })*
        };
    }
    given!(guest_url, host_url, description, patient_instruction, location);
    appointment
}

/// The document that a row describes, with the class that it is filed under.
pub(in crate::onboarding) fn document_of(
    row: &schema::OnboardingDocument,
    class: DocumentClassId,
) -> NewDocumentBuilder {
    let builder = NewDocument::builder().class(class).file_name(row.path.as_str());
    describe(builder, Some(row.name.as_str()), row.description.as_deref())
}

/// An id or a name: something that can be seen.
fn vocabulary_word(
    path: String,
    text: Option<String>,
    problems: &mut Vec<Problem>,
) -> Option<schema::IdOrName> {
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
