//! The service, over the client.

use async_trait::async_trait;
use carium_api::types::{self, AppointmentId, OrganizationId};
use carium_api::{Client, ClientCaredbExt as _, operations};

use super::{
    Appointment, AppointmentStatus, AppointmentType, AppointmentUpdate, Appointments, NewAppointment,
    Practitioner,
};
use crate::error::Error;
use crate::outcome;
use crate::page::{Items, ListOptions, PageCursor, items};

/// The service, over the client.
pub(crate) struct ApiAppointments {
    pub(crate) client: Client,
    /// Whose vocabularies are listed.
    pub(crate) organization: Option<OrganizationId>,
}

/// A list of one of the three vocabularies.
macro_rules! vocabulary {
    ($self:ident, $options:ident, $operation:ident, $method:ident) => {{
        let (organization, size) = ($self.organization, $options.page_size);
        let begin = move |client: Client, page: PageCursor| async move {
            let mut list = client.$method();
            if let Some(organization) = organization {
                list = list.organization_id(organization);
            }
            if let Some(number) = page.as_number() {
                list = list.page_number(number);
            }
            if let Some(size) = size {
                list = list.page_size(size);
            }
            list.send().await
        };
        items($self.client.clone(), &operations::$operation, $options.page, begin)
    }};
}

#[async_trait]
impl Appointments for ApiAppointments {
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error> {
        let data = types::required::CreateAppointmentData { attributes: appointment.0 }.into();
        let body = types::required::CreateAppointmentRequest { data };
        let answered = self.client.create_appointment().body(body).send().await;
        outcome::of(&operations::CREATE_APPOINTMENT, answered).map(|(document, _)| document.data.id)
    }

    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error> {
        let answered = self.client.get_appointment().id(id).send().await;
        outcome::of(&operations::GET_APPOINTMENT, answered).map(|(document, _)| document.data.into())
    }

    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error> {
        update.check()?;
        let data = types::required::UpdateAppointmentData { attributes: update.0 }.into();
        let body = types::required::UpdateAppointmentRequest { data };
        let call = self.client.update_appointment().id(id).body(body);
        outcome::of(&operations::UPDATE_APPOINTMENT, call.send().await)
            .map(|(document, _)| document.data.into())
    }

    async fn delete(&self, id: AppointmentId) -> Result<(), Error> {
        let answered = self.client.delete_appointment().id(id).send().await;
        outcome::of(&operations::DELETE_APPOINTMENT, answered).map(drop)
    }

    fn practitioners(&self, options: ListOptions) -> Items<Practitioner> {
        vocabulary!(self, options, LIST_PRACTITIONERS, list_practitioners)
    }

    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus> {
        vocabulary!(self, options, LIST_APPOINTMENT_STATUSES, list_appointment_statuses)
    }

    fn types(&self, options: ListOptions) -> Items<AppointmentType> {
        vocabulary!(self, options, LIST_APPOINTMENT_TYPES, list_appointment_types)
    }
}
