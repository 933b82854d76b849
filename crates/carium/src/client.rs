//! The front door: a client, and what it is set to.

mod builder;
mod env;

use std::fmt;
use std::sync::Arc;

use carium_api::types::OrganizationId;
use carium_api::{Client, Operation, RawRequest, Response};

pub use builder::CariumBuilder;

use crate::appointments::{ApiAppointments, Appointments, NewAppointment, NewAppointmentBuilder};
use crate::documents::{
    ApiDocuments, DocumentServices, Documents, Downloads, NewDocument, NewDocumentBuilder, Transfers, Tries,
    Uploads,
};
use crate::error::Error;
use crate::invitations::{ApiInvitations, Invitations};
use crate::onboarding::{Ledger, Onboarding, Services};
use crate::outcome;
use crate::patients::{ApiPatients, NewPatient, NewPatientBuilder, Patients};
use crate::session::Session;

/// A client of Carium: signs in by itself, repeats what may be repeated, and says what it cannot know.
///
/// Cheap to clone and to send about; the clones share one session, one pool of connections, one limit and one
/// budget of repetitions.
#[derive(Clone)]
pub struct Carium(Arc<Parts>);

struct Parts {
    api: Client,
    session: Arc<Session>,
    organization: Option<OrganizationId>,
    patients: Arc<dyn Patients>,
    invitations: Arc<dyn Invitations>,
    appointments: Arc<dyn Appointments>,
    sides: DocumentServices,
    uploads: Uploads,
    downloads: Downloads,
}

impl Carium {
    /// Begins to set up a client.
    pub fn builder() -> CariumBuilder {
        CariumBuilder::default()
    }

    /// A client that is set up by the environment: `CARIUM_USERNAME` and `CARIUM_PASSWORD`, and as needed
    /// `CARIUM_BASE_URL` (left out, `https://api.carium.com`), `CARIUM_TOTP_SECRET` and
    /// `CARIUM_ORGANIZATION_ID`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): every variable that is missing or bad is named.
    pub fn from_env() -> Result<Self, Error> {
        env::builder(|name| std::env::var_os(name))?.build()
    }

    pub(crate) fn new(
        api: Client,
        session: Arc<Session>,
        organization: Option<OrganizationId>,
        transfers: Arc<dyn Transfers>,
        tries: Tries,
    ) -> Self {
        let appointments = ApiAppointments { client: api.clone(), organization };
        let documents = Arc::new(ApiDocuments { client: api.clone(), organization });
        let sides = DocumentServices { documents, transfers, tries };
        Self(Arc::new(Parts {
            organization,
            patients: Arc::new(ApiPatients(api.clone())),
            invitations: Arc::new(ApiInvitations(api.clone())),
            appointments: Arc::new(appointments),
            uploads: Uploads::over(sides.clone()),
            downloads: Downloads::over(sides.clone()),
            sides,
            session,
            api,
        }))
    }

    /// Signs in now, where there is no token that lasts, rather than with the first call: to check the credentials.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) where they are refused; else as for every call.
    pub async fn sign_in(&self) -> Result<(), Error> {
        self.0.session.token().await.map(drop)
    }

    /// Patients, as what a team's own code takes: `&dyn Patients`, or a clone of the `Arc`.
    pub fn patients(&self) -> &Arc<dyn Patients> {
        &self.0.patients
    }

    /// Invitations.
    pub fn invitations(&self) -> &Arc<dyn Invitations> {
        &self.0.invitations
    }

    /// Appointments.
    pub fn appointments(&self) -> &Arc<dyn Appointments> {
        &self.0.appointments
    }

    /// Documents: the service's side of them.
    pub fn documents(&self) -> &Arc<dyn Documents> {
        &self.0.sides.documents
    }

    /// Transfers: the object store's side of documents.
    pub fn transfers(&self) -> &Arc<dyn Transfers> {
        &self.0.sides.transfers
    }

    /// Uploads of documents, over both sides.
    pub fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    /// Downloads of documents, over both sides.
    pub fn downloads(&self) -> &Downloads {
        &self.0.downloads
    }

    /// The onboarding of patients: all that is done for one, each step once. The ledger says what was done before,
    /// and has to outlive the program where a patient must not be created twice.
    pub fn onboarding(&self, ledger: Arc<dyn Ledger>) -> Onboarding {
        let services = Services {
            patients: Arc::clone(self.patients()),
            invitations: Arc::clone(self.invitations()),
            appointments: Arc::clone(self.appointments()),
            documents: Arc::clone(self.documents()),
            transfers: Arc::clone(self.transfers()),
        };
        Onboarding::over(services, self.uploads().clone(), ledger).lookup_organization(self.organization())
    }

    /// The low-level client, which sends through the same parts.
    pub fn api(&self) -> &Client {
        &self.0.api
    }

    /// Sends a request of an operation that is known only as a row of the table, and gives the answer as it came.
    /// It goes through the same parts as every other: it is signed in, repeated by its class, and limited.
    ///
    /// # Errors
    /// As for the operation's own method, but that an answer of success is not read, so that none is undecodable.
    pub async fn send_raw(
        &self,
        operation: &'static Operation,
        request: RawRequest,
    ) -> Result<Response, Error> {
        let answered = self.0.api.send_raw(operation, request).await;
        answered.map_err(|error| outcome::of_error(operation, error))
    }

    /// The organization that the client was set up for.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.0.organization
    }

    /// Begins to describe a patient of the client's organization.
    pub fn new_patient(&self) -> NewPatientBuilder {
        let patient = NewPatient::builder();
        match self.organization() {
            Some(organization) => patient.organization(organization),
            None => patient,
        }
    }

    /// Begins to describe an appointment in the client's organization.
    pub fn new_appointment(&self) -> NewAppointmentBuilder {
        let appointment = NewAppointment::builder();
        match self.organization() {
            Some(organization) => appointment.organization(organization),
            None => appointment,
        }
    }

    /// Begins to describe a document of the client's organization.
    pub fn new_document(&self) -> NewDocumentBuilder {
        let document = NewDocument::builder();
        match self.organization() {
            Some(organization) => document.organization(organization),
            None => document,
        }
    }
}

impl fmt::Debug for Carium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carium")
            .field("base_url", self.0.api.base_url())
            .field("organization", &self.0.organization)
            .finish_non_exhaustive()
    }
}
