//! Changes to appointments.

use std::fmt;

use carium_api::types::{self, AppointmentStatusId, AppointmentTypeId, PractitionerId};
use carium_api::{Change, DateTime};

use super::rules::{check_url, in_order};
use crate::error::Error;

/// A change to an appointment. Begins as one that changes nothing, which is refused when it is sent.
///
/// ```
/// use carium::Change;
/// use carium::appointments::AppointmentUpdate;
///
/// let moved = AppointmentUpdate::default()
///     .between("2030-01-01T10:00:00Z".parse()?, "2030-01-01T10:30:00Z".parse()?)
///     .location(Change::Clear);
/// assert!(moved.check().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct AppointmentUpdate(pub(super) types::AppointmentChanges);

impl AppointmentUpdate {
    /// Moves it: when it starts and when it ends, which is later.
    #[must_use]
    pub fn between(mut self, start: DateTime, end: DateTime) -> Self {
        (self.0.start_time, self.0.end_time) = (Some(start), Some(end));
        self
    }

    /// Gives it another practitioner.
    #[must_use]
    pub fn practitioner(mut self, practitioner: PractitionerId) -> Self {
        self.0.practitioner_id = Some(practitioner);
        self
    }

    /// Gives it another status.
    #[must_use]
    pub fn status(mut self, status: AppointmentStatusId) -> Self {
        self.0.status_id = Some(status);
        self
    }

    /// Gives it another type.
    #[must_use]
    pub fn appointment_type(mut self, kind: AppointmentTypeId) -> Self {
        self.0.type_id = Some(kind);
        self
    }

    /// Attaches a video channel of the platform, or does without. With one, the two URLs cannot be set.
    #[must_use]
    pub fn video_channel(mut self, attach: bool) -> Self {
        self.0.add_video_channel = Some(attach);
        self
    }

    /// Sets or clears where the patient joins the call.
    #[must_use]
    pub fn guest_url(mut self, url: impl Into<Change<String>>) -> Self {
        self.0.guest_url = url.into();
        self
    }

    /// Sets or clears where the practitioner joins the call.
    #[must_use]
    pub fn host_url(mut self, url: impl Into<Change<String>>) -> Self {
        self.0.host_url = url.into();
        self
    }

    /// Sets or clears what it is about.
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

    /// Sets or clears where it takes place.
    #[must_use]
    pub fn location(mut self, text: impl Into<Change<String>>) -> Self {
        self.0.location = text.into();
        self
    }

    /// Whether it can be sent.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): it changes nothing, or breaks a rule of the vendor's
    /// page; [`Error::problems`] names every field that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        if *self == Self::default() {
            return Err(Error::invalid("the update changes nothing; give what is to change", Vec::new()));
        }
        let mut problems = Vec::new();
        in_order(self.0.start_time, self.0.end_time, &mut problems);
        let with_channel = self.0.add_video_channel == Some(true);
        for (field, url) in [("guest-url", &self.0.guest_url), ("host-url", &self.0.host_url)] {
            check_url(field, url.value().map(String::as_str), with_channel, &mut problems);
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::invalid("the appointment cannot be changed as given", problems))
    }

    /// All of it, as it is sent.
    pub fn attributes(&self) -> &types::AppointmentChanges {
        &self.0
    }
}

impl fmt::Debug for AppointmentUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
