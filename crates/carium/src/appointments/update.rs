//! Updates of appointments.

use std::fmt;

use carium_api::types::{self, AppointmentStatusId, AppointmentTypeId, PractitionerId};
use carium_api::{Change, DateTime};

use super::rules::{check_times, check_url};
use crate::error::Error;

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
