//! Implements the traits of `carium` for the fake by delegating to its client.

use async_trait::async_trait;
use carium::appointments::{
    Appointment, AppointmentId, AppointmentStatus, AppointmentType, AppointmentUpdate, Appointments,
    NewAppointment, Practitioner,
};
use carium::documents::{
    ByteRange, CreatedDocument, Document, DocumentClass, DocumentQuery, DocumentReferenceId, Documents,
    DownloadResponse, FilePart, NewDocument, Transfers, UploadForm,
};
use carium::patients::{IndividualId, NewPatient, Patients};
use carium::{Error, Invitations, Items, ListOptions, NewInvitation, Secret};

use super::FakeCarium;

#[async_trait]
impl Patients for FakeCarium {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        self.client().patients().create(patient).await
    }
}

#[async_trait]
impl Invitations for FakeCarium {
    async fn send(&self, invitation: NewInvitation) -> Result<(), Error> {
        self.client().invitations().send(invitation).await
    }
}

#[async_trait]
impl Appointments for FakeCarium {
    async fn create(&self, appointment: NewAppointment) -> Result<AppointmentId, Error> {
        self.client().appointments().create(appointment).await
    }

    async fn get(&self, id: AppointmentId) -> Result<Appointment, Error> {
        self.client().appointments().get(id).await
    }

    async fn update(&self, id: AppointmentId, update: AppointmentUpdate) -> Result<Appointment, Error> {
        self.client().appointments().update(id, update).await
    }

    async fn delete(&self, id: AppointmentId) -> Result<(), Error> {
        self.client().appointments().delete(id).await
    }

    fn practitioners(&self, options: ListOptions) -> Items<Practitioner> {
        self.client().appointments().practitioners(options)
    }

    fn statuses(&self, options: ListOptions) -> Items<AppointmentStatus> {
        self.client().appointments().statuses(options)
    }

    fn types(&self, options: ListOptions) -> Items<AppointmentType> {
        self.client().appointments().types(options)
    }
}

#[async_trait]
impl Documents for FakeCarium {
    fn classes(&self, options: ListOptions) -> Items<DocumentClass> {
        self.client().documents().classes(options)
    }

    fn list(&self, query: DocumentQuery) -> Items<Document> {
        self.client().documents().list(query)
    }

    async fn create(&self, document: NewDocument) -> Result<CreatedDocument, Error> {
        self.client().documents().create(document).await
    }

    async fn process(&self, id: DocumentReferenceId) -> Result<(), Error> {
        self.client().documents().process(id).await
    }

    async fn download_url(&self, id: DocumentReferenceId) -> Result<Secret, Error> {
        self.client().documents().download_url(id).await
    }
}

#[async_trait]
impl Transfers for FakeCarium {
    async fn post(&self, form: &UploadForm, file: FilePart) -> Result<(), Error> {
        self.client().transfers().post(form, file).await
    }

    async fn get(&self, url: &Secret, range: Option<ByteRange>) -> Result<DownloadResponse, Error> {
        self.client().transfers().get(url, range).await
    }
}
