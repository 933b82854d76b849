//! Appointments and their lookups: practitioners, statuses and types.

mod input;

use std::fmt;

use async_trait::async_trait;
use carium_api::types::{self, AppointmentStatusList, AppointmentTypeList, PractitionerList};
pub use carium_api::types::{
    AppointmentId, AppointmentStatusId, AppointmentTypeId, IndividualId, OrganizationId, PractitionerId,
};
use carium_api::{Change, Client, ClientCaredbExt as _, DateTime, operations};

pub(crate) use input::AppointmentFields;
pub use input::{AppointmentUpdate, NewAppointment, NewAppointmentBuilder};

use crate::api_result;
use crate::error::Error;
use crate::lookups::{list_lookup, lookup_type};
use crate::page::{Items, ListOptions, PageParameters, items};

/// The interface for appointments.
///
/// [`Carium::appointments`](crate::Carium::appointments) returns the implementation for the Carium API.
#[async_trait]
pub trait Appointments: Send + Sync {
    /// Creates an appointment and returns its ID.
    ///
    /// # Errors
    /// - [`Rejected`](crate::ErrorKind::Rejected), [`NotFound`](crate::ErrorKind::NotFound) or
    ///   [`Conflict`](crate::ErrorKind::Conflict): the service rejected a field or does not know an ID.
    /// - Any kind with [`may_have_been_applied`](Error::may_have_been_applied): the appointment may have been
    ///   created. Do not create it again before a person has checked in Carium, because the API has no list of
    ///   appointments.
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error>;

    /// Returns an appointment.
    ///
    /// # Errors
    /// Returns [`NotFound`](crate::ErrorKind::NotFound) if the appointment does not exist.
    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error>;

    /// Updates an appointment and returns its new state.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): the update did not pass
    ///   [`AppointmentUpdate::validate`]. It was not sent.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the appointment does not exist.
    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error>;

    /// Deletes an appointment.
    ///
    /// # Errors
    /// Returns [`NotFound`](crate::ErrorKind::NotFound) if the appointment does not exist. If the call was
    /// retried, status 404 counts as success, because an earlier attempt may have deleted the appointment.
    async fn delete(&self, id: AppointmentId) -> Result<(), Error>;

    /// Lists the practitioners with whom appointments can be booked.
    fn practitioners(&self, options: ListOptions) -> Items<Practitioner>;

    /// Lists the statuses that an appointment can have.
    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus>;

    /// Lists the types that an appointment can have.
    fn types(&self, options: ListOptions) -> Items<AppointmentType>;
}

/// An appointment, as the service returned it.
///
/// A field is `None` if the service did not return it or returned a value that could not be decoded.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Appointment {
    /// The ID of the appointment.
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
    /// The start.
    pub start: Option<DateTime>,
    /// The end.
    pub end: Option<DateTime>,
    /// Whether the appointment has a video channel of the platform.
    pub has_video_channel: Option<bool>,
    /// The URL at which the patient joins the call.
    pub guest_url: Option<String>,
    /// The URL at which the practitioner joins the call.
    pub host_url: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The instructions for the patient.
    pub patient_instruction: Option<String>,
    /// The location.
    pub location: Option<String>,
}

impl From<types::Appointment> for Appointment {
    fn from(appointment: types::Appointment) -> Self {
        let id = appointment.id;
        let Some(attributes) = appointment.attributes.into_known() else { return Self::from_id(id) };
        Self {
            id,
            organization: attributes.organization_id.into_known(),
            patient: attributes.individual_id.into_known(),
            practitioner: attributes.practitioner_id.into_known(),
            status: attributes.status_id.into_known(),
            appointment_type: attributes.type_id.into_known(),
            start: attributes.start_time.into_known(),
            end: attributes.end_time.into_known(),
            has_video_channel: attributes.add_video_channel.into_known(),
            guest_url: attributes.guest_url.into_known(),
            host_url: attributes.host_url.into_known(),
            description: attributes.description.into_known(),
            patient_instruction: attributes.patient_instruction.into_known(),
            location: attributes.location.into_known(),
        }
    }
}

impl Appointment {
    /// Creates an appointment with this ID and no other fields.
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

impl Appointment {
    /// Returns what is known of an appointment after an update that the service confirmed without a body.
    fn from_update(id: AppointmentId, changes: &types::AppointmentChanges) -> Self {
        let text = |change: &Change<String>| change.value().cloned();
        Self {
            id,
            organization: None,
            patient: None,
            practitioner: changes.practitioner_id,
            status: changes.status_id,
            appointment_type: changes.type_id,
            start: changes.start_time,
            end: changes.end_time,
            has_video_channel: changes.add_video_channel,
            guest_url: text(&changes.guest_url),
            host_url: text(&changes.host_url),
            description: text(&changes.description),
            patient_instruction: text(&changes.patient_instruction),
            location: text(&changes.location),
        }
    }
}

impl fmt::Debug for Appointment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shows no times and no texts, because they are health information.
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

lookup_type! {
    /// A practitioner with whom appointments can be booked.
    ///
    /// `Debug` does not show the name, because it is a person's name.
    Practitioner, PractitionerId, PractitionerList, false
}
lookup_type! {
    /// A status that an appointment can have.
    AppointmentStatus, AppointmentStatusId, AppointmentStatusList, true
}
lookup_type! {
    /// A type that an appointment can have.
    AppointmentType, AppointmentTypeId, AppointmentTypeList, true
}

/// The implementation of [`Appointments`] for the Carium API.
pub(crate) struct ApiAppointments {
    pub(crate) client: Client,
    /// The organization whose practitioners, statuses and types are listed.
    pub(crate) organization: Option<OrganizationId>,
    /// Whether the body of an update contains the ID of the appointment.
    pub(crate) sends_id_in_updates: bool,
}

#[async_trait]
impl Appointments for ApiAppointments {
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error> {
        let data = types::required::CreateAppointmentData { attributes: appointment.0 }.into();
        let body = types::required::CreateAppointmentRequest { data };
        let result = self.client.create_appointment().body(body).send().await;
        api_result::convert_result(&operations::CREATE_APPOINTMENT, result).map(|document| document.data.id)
    }

    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error> {
        let result = self.client.get_appointment().id(id).send().await;
        api_result::convert_result(&operations::GET_APPOINTMENT, result).map(|document| document.data.into())
    }

    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error> {
        update.validate()?;
        let known = Appointment::from_update(id, &update.0);
        let mut data: types::UpdateAppointmentData =
            types::required::UpdateAppointmentData { attributes: update.0 }.into();
        data.id = self.sends_id_in_updates.then_some(id);
        let body = types::required::UpdateAppointmentRequest { data };
        let call = self.client.update_appointment().id(id).body(body);
        let response =
            api_result::convert_optional_result(&operations::UPDATE_APPOINTMENT, call.send().await)?;
        Ok(response.map_or(known, |document| document.data.into()))
    }

    async fn delete(&self, id: AppointmentId) -> Result<(), Error> {
        let result = self.client.delete_appointment().id(id).send().await;
        api_result::convert_empty_result(&operations::DELETE_APPOINTMENT, result)
    }

    fn practitioners(&self, options: ListOptions) -> Items<Practitioner> {
        list_lookup!(self, self.organization, options, LIST_PRACTITIONERS, list_practitioners)
    }

    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus> {
        list_lookup!(self, self.organization, options, LIST_APPOINTMENT_STATUSES, list_appointment_statuses)
    }

    fn types(&self, options: ListOptions) -> Items<AppointmentType> {
        list_lookup!(self, self.organization, options, LIST_APPOINTMENT_TYPES, list_appointment_types)
    }
}
