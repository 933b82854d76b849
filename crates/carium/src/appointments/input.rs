//! The input of the calls that create and update appointments, and its validation by the rules on the vendor's
//! Examples page.

use std::borrow::Cow;
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
        let fields = AppointmentFields {
            start: self.start,
            end: self.end,
            has_video_channel: self.with_video_channel,
            guest_url: self.guest_url.as_deref(),
            host_url: self.host_url.as_deref(),
        };
        let times = fields.check(Cow::Borrowed, &mut problems);
        let status_id = required("status-id", self.status, &mut problems);
        let type_id = required("type-id", self.appointment_type, &mut problems);
        let (
            Some(organization_id),
            Some(individual_id),
            Some(practitioner_id),
            Some((start_time, end_time)),
            Some(status_id),
            Some(type_id),
            [],
        ) = (organization_id, individual_id, practitioner_id, times, status_id, type_id, problems.as_slice())
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
/// assert!(update.validate().is_ok());
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
    pub fn validate(&self) -> Result<(), Error> {
        if *self == Self::default() {
            return Err(Error::invalid("the update is empty; set at least one field", Vec::new()));
        }
        let mut problems = Vec::new();
        let fields = AppointmentFields {
            start: self.0.start_time,
            end: self.0.end_time,
            has_video_channel: self.0.add_video_channel == Some(true),
            guest_url: self.0.guest_url.value().map(String::as_str),
            host_url: self.0.host_url.value().map(String::as_str),
        };
        fields.check_given(Cow::Borrowed, &mut problems);
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

/// The fields of an appointment that have rules. Builders, updates and rows of an onboarding file apply the same ones.
pub(crate) struct AppointmentFields<'a> {
    pub(crate) start: Option<DateTime>,
    pub(crate) end: Option<DateTime>,
    pub(crate) has_video_channel: bool,
    pub(crate) guest_url: Option<&'a str>,
    pub(crate) host_url: Option<&'a str>,
}

impl AppointmentFields<'_> {
    /// Checks the fields of a new appointment, and returns its start and its end. `path_of` returns the path of a
    /// field in the caller's input, given its name in the API.
    pub(crate) fn check(
        &self,
        path_of: impl Fn(&'static str) -> Cow<'static, str>,
        problems: &mut Vec<Problem>,
    ) -> Option<(DateTime, DateTime)> {
        let start = required(path_of("start-time"), self.start, problems);
        let end = required(path_of("end-time"), self.end, problems);
        self.check_given(path_of, problems);
        start.zip(end)
    }

    /// Checks the fields that are given. The end must be after the start, both must be whole seconds as in the
    /// vendor's examples, and the URLs of an external video call exclude the platform's video channel.
    fn check_given(&self, path_of: impl Fn(&'static str) -> Cow<'static, str>, problems: &mut Vec<Problem>) {
        for (field, time) in [("start-time", self.start), ("end-time", self.end)] {
            if time.is_some_and(|time| time.to_chrono().timestamp_subsec_nanos() != 0) {
                let problem = Problem::new(path_of(field), "has fractional seconds");
                problems.push(problem.with_hint("use whole seconds"));
            }
        }
        if self.start.zip(self.end).is_some_and(|(start, end)| end <= start) {
            problems.push(Problem::new(path_of("end-time"), "must be after `start-time`"));
        }
        for (field, url) in [("guest-url", self.guest_url), ("host-url", self.host_url)] {
            let Some(url) = url else { continue };
            if self.has_video_channel {
                let message = "cannot be combined with the platform's video channel";
                problems.push(Problem::new(path_of(field), message));
            } else if !is_web_url(url) {
                let problem = Problem::new(path_of(field), "is not a valid http or https URL");
                problems.push(problem.with_hint("use the form https://example.com/call"));
            }
        }
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
