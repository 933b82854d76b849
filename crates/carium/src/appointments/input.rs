//! The input of the calls that create and update appointments, and its validation by the rules on the vendor's
//! Examples page.

use std::fmt;

use carium_api::types::{
    self, AppointmentStatusId, AppointmentTypeId, IndividualId, OrganizationId, PractitionerId,
};
use carium_api::{Change, DateTime};
use url::Url;

use crate::error::Error;
use crate::problem::{Problem, required};

/// An appointment to create, which satisfies the rules of the API.
#[derive(Clone, PartialEq)]
pub struct NewAppointment(pub(super) types::NewAppointment);

impl NewAppointment {
    /// Returns a builder for an appointment.
    pub fn builder() -> NewAppointmentBuilder {
        NewAppointmentBuilder::default()
    }

    /// Returns the attributes as they are sent to the API.
    pub fn attributes(&self) -> &types::NewAppointment {
        &self.0
    }
}

impl fmt::Debug for NewAppointment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A builder for [`NewAppointment`].
///
/// The rules come from the table on the vendor's Examples page.
#[derive(Clone, Default)]
pub struct NewAppointmentBuilder {
    organization: Option<OrganizationId>,
    patient: Option<IndividualId>,
    practitioner: Option<PractitionerId>,
    status: Option<AppointmentStatusId>,
    appointment_type: Option<AppointmentTypeId>,
    start: Option<DateTime>,
    end: Option<DateTime>,
    with_video_channel: bool,
    guest_url: Option<String>,
    host_url: Option<String>,
    description: Option<String>,
    patient_instruction: Option<String>,
    location: Option<String>,
}

impl NewAppointmentBuilder {
    /// Sets the organization. Required.
    #[must_use]
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Sets the patient. Required.
    #[must_use]
    pub fn patient(mut self, patient: IndividualId) -> Self {
        self.patient = Some(patient);
        self
    }

    /// Sets the practitioner, from [`Appointments::practitioners`](super::Appointments::practitioners).
    /// Required.
    #[must_use]
    pub fn practitioner(mut self, practitioner: PractitionerId) -> Self {
        self.practitioner = Some(practitioner);
        self
    }

    /// Sets the status, from [`Appointments::statuses`](super::Appointments::statuses). Required.
    #[must_use]
    pub fn status(mut self, status: AppointmentStatusId) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the type, from [`Appointments::types`](super::Appointments::types). Required.
    #[must_use]
    pub fn appointment_type(mut self, appointment_type: AppointmentTypeId) -> Self {
        self.appointment_type = Some(appointment_type);
        self
    }

    /// Sets the start and the end. The end must be after the start. Required.
    #[must_use]
    pub fn between(mut self, start: DateTime, end: DateTime) -> Self {
        (self.start, self.end) = (Some(start), Some(end));
        self
    }

    /// Sets the start and the end, either of which may be unknown.
    pub(crate) fn between_optional(mut self, start: Option<DateTime>, end: Option<DateTime>) -> Self {
        (self.start, self.end) = (start, end);
        self
    }

    /// Adds a video channel of the platform to the appointment.
    ///
    /// It cannot be combined with [`guest_url`](Self::guest_url) and [`host_url`](Self::host_url).
    #[must_use]
    pub fn add_video_channel(mut self) -> Self {
        self.with_video_channel = true;
        self
    }

    /// Sets the URL at which the patient joins the call, if the platform's video channel is not used.
    #[must_use]
    pub fn guest_url(mut self, url: impl Into<String>) -> Self {
        self.guest_url = Some(url.into());
        self
    }

    /// Sets the URL at which the practitioner joins the call, if the platform's video channel is not used.
    #[must_use]
    pub fn host_url(mut self, url: impl Into<String>) -> Self {
        self.host_url = Some(url.into());
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets the instructions for the patient, often a link for rescheduling.
    #[must_use]
    pub fn patient_instruction(mut self, text: impl Into<String>) -> Self {
        self.patient_instruction = Some(text.into());
        self
    }

    /// Sets the location.
    #[must_use]
    pub fn location(mut self, text: impl Into<String>) -> Self {
        self.location = Some(text.into());
        self
    }

    /// Creates the [`NewAppointment`].
    ///
    /// # Errors
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if fields are missing or invalid.
    /// [`Error::problems`] lists all of them.
    pub fn build(self) -> Result<NewAppointment, Error> {
        let mut problems = Vec::new();
        let organization_id = required("organization-id", self.organization, &mut problems);
        let individual_id = required("individual-id", self.patient, &mut problems);
        let practitioner_id = required("practitioner-id", self.practitioner, &mut problems);
        let start_time = required("start-time", self.start, &mut problems);
        let end_time = required("end-time", self.end, &mut problems);
        let status_id = required("status-id", self.status, &mut problems);
        let type_id = required("type-id", self.appointment_type, &mut problems);
        check_times(start_time, end_time, &mut problems);
        for (field, url) in [("guest-url", self.guest_url.as_deref()), ("host-url", self.host_url.as_deref())]
        {
            check_url(field, url, self.with_video_channel, &mut problems);
        }
        let (
            Some(organization_id),
            Some(individual_id),
            Some(practitioner_id),
            Some(start_time),
            Some(end_time),
            Some(status_id),
            Some(type_id),
            [],
        ) = (
            organization_id,
            individual_id,
            practitioner_id,
            start_time,
            end_time,
            status_id,
            type_id,
            problems.as_slice(),
        )
        else {
            return Err(Error::invalid("the appointment is invalid", problems));
        };
        let mut attributes = types::NewAppointment::from(types::required::NewAppointment {
            organization_id,
            individual_id,
            practitioner_id,
            start_time,
            end_time,
            status_id,
            type_id,
            add_video_channel: self.with_video_channel,
        });
        attributes.guest_url = self.guest_url;
        attributes.host_url = self.host_url;
        attributes.description = self.description;
        attributes.patient_instruction = self.patient_instruction;
        attributes.location = self.location;
        Ok(NewAppointment(attributes))
    }
}

impl fmt::Debug for NewAppointmentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAppointmentBuilder").finish_non_exhaustive()
    }
}

/// An update of an appointment. Only the fields that are set are changed.
///
/// The default value changes nothing. It is rejected by [`check`](Self::check) and is not sent.
///
/// # Examples
///
/// ```
/// use carium::Change;
/// use carium::appointments::AppointmentUpdate;
///
/// let update = AppointmentUpdate::default()
///     .between("2030-01-01T10:00:00Z".parse()?, "2030-01-01T10:30:00Z".parse()?)
///     .location(Change::Clear);
/// assert!(update.check().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct AppointmentUpdate(pub(super) types::AppointmentChanges);

impl AppointmentUpdate {
    /// Changes the start and the end. The end must be after the start.
    #[must_use]
    pub fn between(mut self, start: DateTime, end: DateTime) -> Self {
        (self.0.start_time, self.0.end_time) = (Some(start), Some(end));
        self
    }

    /// Changes the practitioner.
    #[must_use]
    pub fn practitioner(mut self, practitioner: PractitionerId) -> Self {
        self.0.practitioner_id = Some(practitioner);
        self
    }

    /// Changes the status.
    #[must_use]
    pub fn status(mut self, status: AppointmentStatusId) -> Self {
        self.0.status_id = Some(status);
        self
    }

    /// Changes the type.
    #[must_use]
    pub fn appointment_type(mut self, appointment_type: AppointmentTypeId) -> Self {
        self.0.type_id = Some(appointment_type);
        self
    }

    /// Sets whether the appointment has a video channel of the platform. If it has one, the two URLs cannot be
    /// set.
    #[must_use]
    pub fn video_channel(mut self, attach: bool) -> Self {
        self.0.add_video_channel = Some(attach);
        self
    }

    /// Sets or clears the URL at which the patient joins the call.
    #[must_use]
    pub fn guest_url(mut self, url: impl Into<Change<String>>) -> Self {
        self.0.guest_url = url.into();
        self
    }

    /// Sets or clears the URL at which the practitioner joins the call.
    #[must_use]
    pub fn host_url(mut self, url: impl Into<Change<String>>) -> Self {
        self.0.host_url = url.into();
        self
    }

    /// Sets or clears the description.
    #[must_use]
    pub fn description(mut self, text: impl Into<Change<String>>) -> Self {
        self.0.description = text.into();
        self
    }

    /// Sets or clears the instructions for the patient.
    #[must_use]
    pub fn patient_instruction(mut self, text: impl Into<Change<String>>) -> Self {
        self.0.patient_instruction = text.into();
        self
    }

    /// Sets or clears the location.
    #[must_use]
    pub fn location(mut self, text: impl Into<Change<String>>) -> Self {
        self.0.location = text.into();
        self
    }

    /// Checks the update without sending it.
    ///
    /// # Errors
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if the update changes nothing or a field is
    /// invalid. [`Error::problems`] lists all invalid fields.
    pub fn check(&self) -> Result<(), Error> {
        if *self == Self::default() {
            return Err(Error::invalid("the update is empty; set at least one field", Vec::new()));
        }
        let mut problems = Vec::new();
        check_times(self.0.start_time, self.0.end_time, &mut problems);
        let has_video_channel = self.0.add_video_channel == Some(true);
        for (field, url) in [("guest-url", &self.0.guest_url), ("host-url", &self.0.host_url)] {
            check_url(field, url.value().map(String::as_str), has_video_channel, &mut problems);
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::invalid("the appointment update is invalid", problems))
    }

    /// Returns the changes as they are sent to the API.
    pub fn attributes(&self) -> &types::AppointmentChanges {
        &self.0
    }
}

impl fmt::Debug for AppointmentUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Checks that the end is after the start, and that both are whole seconds, as in the vendor's examples.
fn check_times(start: Option<DateTime>, end: Option<DateTime>, problems: &mut Vec<Problem>) {
    for (field, time) in [("start-time", start), ("end-time", end)] {
        if time.is_some_and(|time| time.to_chrono().timestamp_subsec_nanos() != 0) {
            problems.push(Problem::new(field, "has fractional seconds").with_hint("use whole seconds"));
        }
    }
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        problems.push(Problem::new("end-time", "must be after `start-time`"));
    }
}

/// Checks a URL of an external video call. It cannot be combined with the platform's video channel.
fn check_url(field: &'static str, url: Option<&str>, has_video_channel: bool, problems: &mut Vec<Problem>) {
    let Some(url) = url else { return };
    if has_video_channel {
        problems.push(Problem::new(field, "cannot be combined with the platform's video channel"));
    } else if !is_web_url(url) {
        let problem = Problem::new(field, "is not a valid http or https URL");
        problems.push(problem.with_hint("use the form https://example.com/call"));
    }
}

/// Checks that a text is an `http` or `https` URL that all URL parsers read alike, because the patient's
/// browser opens it.
fn is_web_url(text: &str) -> bool {
    let has_only_plain_chars =
        !text.chars().any(|char| char.is_whitespace() || char.is_control() || char == '\\');
    // `Url::parse` also accepts fewer or more than two slashes after the scheme. Other parsers read a path
    // there.
    let has_origin = text.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/'));
    has_only_plain_chars
        && has_origin
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
