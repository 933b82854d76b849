//! Appointments, and the vocabularies that one draws on.

mod api;
mod lookups;
mod new;
mod rules;
mod update;

use std::fmt;

use async_trait::async_trait;
use carium_api::DateTime;
use carium_api::types;
pub use carium_api::types::{
    AppointmentId, AppointmentStatusId, AppointmentTypeId, IndividualId, OrganizationId, PractitionerId,
};

pub(crate) use api::ApiAppointments;
pub use lookups::{AppointmentStatus, AppointmentType, Practitioner};
pub use new::{NewAppointment, NewAppointmentBuilder};
pub use update::AppointmentUpdate;

use crate::error::Error;
use crate::page::{Items, ListOptions};

/// Booking, reading, moving and deleting appointments.
#[async_trait]
pub trait Appointments: Send + Sync {
    /// Books an appointment and returns its id.
    ///
    /// # Errors
    /// Any with [`may_have_been_applied`](Error::may_have_been_applied): it may be booked. The API has no list of
    /// appointments, so a person has to look before it is booked again.
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error>;

    /// Reads an appointment.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): it is not there, or no longer.
    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error>;

    /// Changes an appointment and returns it as it is then.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): the update does not pass its
    ///   [check](AppointmentUpdate::check), and nothing was sent.
    /// - [`NotFound`](crate::ErrorKind::NotFound): it is not there, or no longer.
    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error>;

    /// Deletes an appointment.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): it is not there. Where the call had to be repeated there is no
    /// such error: it may have been the first try that deleted it, and gone it is.
    async fn delete(&self, id: AppointmentId) -> Result<(), Error>;

    /// Those with whom an appointment can be booked.
    fn practitioners(&self, options: ListOptions) -> Items<Practitioner>;

    /// The statuses that an appointment can have.
    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus>;

    /// The types that an appointment can have.
    fn types(&self, options: ListOptions) -> Items<AppointmentType>;
}

/// An appointment as the service knows it. What the service does not say, or says in a way that is not
/// understood, is `None`.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Appointment {
    /// Its id.
    pub id: AppointmentId,
    /// The organization.
    pub organization: Option<OrganizationId>,
    /// The patient.
    pub patient: Option<IndividualId>,
    /// The practitioner.
    pub practitioner: Option<PractitionerId>,
    /// The status.
    pub status: Option<AppointmentStatusId>,
    /// The type.
    pub appointment_type: Option<AppointmentTypeId>,
    /// When it starts.
    pub start: Option<DateTime>,
    /// When it ends.
    pub end: Option<DateTime>,
    /// Whether the platform has attached a video channel of its own.
    pub has_video_channel: Option<bool>,
    /// Where the patient joins the call.
    pub guest_url: Option<String>,
    /// Where the practitioner joins the call.
    pub host_url: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Instructions for the patient.
    pub patient_instruction: Option<String>,
    /// Where it takes place.
    pub location: Option<String>,
}

impl From<types::Appointment> for Appointment {
    fn from(appointment: types::Appointment) -> Self {
        let id = appointment.id;
        let Some(said) = appointment.attributes.into_known() else { return Self::from_id(id) };
        Self {
            id,
            organization: said.organization_id.into_known(),
            patient: said.individual_id.into_known(),
            practitioner: said.practitioner_id.into_known(),
            status: said.status_id.into_known(),
            appointment_type: said.type_id.into_known(),
            start: said.start_time.into_known(),
            end: said.end_time.into_known(),
            has_video_channel: said.add_video_channel.into_known(),
            guest_url: said.guest_url.into_known(),
            host_url: said.host_url.into_known(),
            description: said.description.into_known(),
            patient_instruction: said.patient_instruction.into_known(),
            location: said.location.into_known(),
        }
    }
}

impl Appointment {
    /// An appointment of which nothing but its id is known.
    pub fn from_id(id: AppointmentId) -> Self {
        Self {
            id,
            organization: None,
            patient: None,
            practitioner: None,
            status: None,
            appointment_type: None,
            start: None,
            end: None,
            has_video_channel: None,
            guest_url: None,
            host_url: None,
            description: None,
            patient_instruction: None,
            location: None,
        }
    }
}

impl fmt::Debug for Appointment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ids only: times and texts are health information.
        f.debug_struct("Appointment")
            .field("id", &self.id)
            .field("organization", &self.organization)
            .field("patient", &self.patient)
            .field("practitioner", &self.practitioner)
            .field("status", &self.status)
            .field("appointment_type", &self.appointment_type)
            .field("has_video_channel", &self.has_video_channel)
            .finish_non_exhaustive()
    }
}
