//! The implementation of [`Appointments`] for the Carium API.

use async_trait::async_trait;
use carium_api::types::{self, AppointmentId, OrganizationId};
use carium_api::{Client, ClientCaredbExt as _, operations};

use super::{
    Appointment, AppointmentStatus, AppointmentType, AppointmentUpdate, Appointments, NewAppointment,
    Practitioner,
};
use crate::api_result;
use crate::error::Error;
use crate::page::{Items, ListOptions, PageCursor, items};

/// The implementation of [`Appointments`] for the Carium API.
pub(crate) struct ApiAppointments {
    pub(crate) client: Client,
    /// The organization whose practitioners, statuses and types are listed.
    pub(crate) organization: Option<OrganizationId>,
}

/// Expands to a list of practitioners, statuses or types.
macro_rules! list_lookup {
    ($self:ident, $options:ident, $operation:ident, $method:ident) => {{
        let (organization, page_size) = ($self.organization, $options.page_size);
        let request_page = move |client: Client, page: PageCursor| async move {
            let mut request = client.$method();
            if let Some(organization) = organization {
                request = request.organization_id(organization);
            }
            if let Some(number) = page.as_number() {
                request = request.page_number(number);
            }
            if let Some(page_size) = page_size {
                request = request.page_size(page_size);
            }
            request.send().await
        };
        items($self.client.clone(), &operations::$operation, $options.page, request_page)
    }};
}

#[async_trait]
impl Appointments for ApiAppointments {
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error> {
        let data = types::required::CreateAppointmentData { attributes: appointment.0 }.into();
        let body = types::required::CreateAppointmentRequest { data };
        let result = self.client.create_appointment().body(body).send().await;
        api_result::convert_result(&operations::CREATE_APPOINTMENT, result)
            .map(|(document, _)| document.data.id)
    }

    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error> {
        let result = self.client.get_appointment().id(id).send().await;
        api_result::convert_result(&operations::GET_APPOINTMENT, result)
            .map(|(document, _)| document.data.into())
    }

    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error> {
        update.validate()?;
        let data = types::required::UpdateAppointmentData { attributes: update.0 }.into();
        let body = types::required::UpdateAppointmentRequest { data };
        let call = self.client.update_appointment().id(id).body(body);
        api_result::convert_result(&operations::UPDATE_APPOINTMENT, call.send().await)
            .map(|(document, _)| document.data.into())
    }

    async fn delete(&self, id: AppointmentId) -> Result<(), Error> {
        let result = self.client.delete_appointment().id(id).send().await;
        api_result::convert_result(&operations::DELETE_APPOINTMENT, result).map(drop)
    }

    fn practitioners(&self, options: ListOptions) -> Items<Practitioner> {
        list_lookup!(self, options, LIST_PRACTITIONERS, list_practitioners)
    }

    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus> {
        list_lookup!(self, options, LIST_APPOINTMENT_STATUSES, list_appointment_statuses)
    }

    fn types(&self, options: ListOptions) -> Items<AppointmentType> {
        list_lookup!(self, options, LIST_APPOINTMENT_TYPES, list_appointment_types)
    }
}
