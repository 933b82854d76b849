//! The client and its configuration.

mod builder;
mod call_options;
mod env;
mod tls_files;

use std::fmt;
use std::sync::Arc;

use carium_api::types::OrganizationId;
use carium_api::{Client, Operation};
use http::Method;

pub use builder::CariumBuilder;
pub use call_options::{CallOptions, ResponseMetadata, ResponseRecorder};

use crate::appointments::{ApiAppointments, Appointments, NewAppointment, NewAppointmentBuilder};
use crate::documents::{
    ApiDocuments, DocumentServices, Documents, Downloads, NewDocument, NewDocumentBuilder, TransferRetries,
    Transfers, Uploads,
};
use crate::error::Error;
use crate::invitations::{ApiInvitations, Invitations};
use crate::onboarding::{Ledger, Onboarding, OnboardingServices};
use crate::organizations::{ApiOrganizations, Organizations};
use crate::patients::{ApiPatients, NewPatient, NewPatientBuilder, Patients};
use crate::request::RequestBuilder;
use crate::resource::Resource;
use crate::session::Session;

/// A client for the Carium API.
///
/// The client signs in with the first call and renews its access token automatically. It retries failed calls
/// if that is safe; see [`RetryPolicy`](crate::RetryPolicy).
///
/// Create one client and clone it. Clones are cheap and share one session, one connection pool, one concurrency
/// limit and one retry budget.
#[derive(Clone)]
pub struct Carium(Arc<ClientInner>);

struct ClientInner {
    api: Client,
    /// The client without the options of a view.
    base_api: Client,
    options: CallOptions,
    sends_id_in_updates: bool,
    session: Arc<Session>,
    organization: Option<OrganizationId>,
    organizations: Arc<dyn Organizations>,
    patients: Arc<dyn Patients>,
    invitations: Arc<dyn Invitations>,
    appointments: Arc<dyn Appointments>,
    document_services: DocumentServices,
    uploads: Uploads,
    downloads: Downloads,
}

impl Carium {
    pub(crate) fn new(
        api: Client,
        session: Arc<Session>,
        organization: Option<OrganizationId>,
        transfers: Arc<dyn Transfers>,
        retries: TransferRetries,
        sends_id_in_updates: bool,
    ) -> Self {
        let services = (transfers, retries, sends_id_in_updates);
        Self::from_parts(api, session, organization, services, CallOptions::default())
    }

    fn from_parts(
        base_api: Client,
        session: Arc<Session>,
        organization: Option<OrganizationId>,
        (transfers, retries, sends_id_in_updates): (Arc<dyn Transfers>, TransferRetries, bool),
        options: CallOptions,
    ) -> Self {
        let api = options.apply_to(&base_api);
        let organization = options.organization.or(organization);
        let organizations = ApiOrganizations { client: api.clone(), organization };
        let appointments = ApiAppointments { client: api.clone(), organization, sends_id_in_updates };
        let documents = Arc::new(ApiDocuments { client: api.clone(), organization });
        let document_services = DocumentServices { documents, transfers, retries };
        Self(Arc::new(ClientInner {
            organization,
            organizations: Arc::new(organizations),
            patients: Arc::new(ApiPatients(api.clone())),
            invitations: Arc::new(ApiInvitations(api.clone())),
            appointments: Arc::new(appointments),
            uploads: Uploads::from_services(document_services.clone()),
            downloads: Downloads::from_services(document_services.clone()),
            document_services,
            session,
            api,
            base_api,
            options,
            sends_id_in_updates,
        }))
    }

    /// Returns a view of this client with other options for its calls. It is cheap, and shares the session, the connection
    /// pool, the limits and the retry budget. A view of a view keeps the options that are not set again.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): a header is invalid or reserved.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(carium: carium::Carium, patient: carium::NewPatient) -> Result<(), carium::Error> {
    /// use std::time::Duration;
    ///
    /// let patient_id = carium
    ///     .with(|options| options.call_timeout(Duration::from_secs(3)).header("X-Request-Id", "7f3a"))?
    ///     .patients()
    ///     .create(patient)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with(&self, change: impl FnOnce(CallOptions) -> CallOptions) -> Result<Self, Error> {
        let options = change(self.0.options.clone());
        if !options.problems.is_empty() {
            return Err(Error::invalid("the options of the calls are invalid", options.problems));
        }
        let DocumentServices { transfers, retries, .. } = self.0.document_services.clone();
        let services = (transfers, retries, self.0.sends_id_in_updates);
        let session = Arc::clone(&self.0.session);
        Ok(Self::from_parts(self.0.base_api.clone(), session, self.0.organization, services, options))
    }

    /// Signs in, unless the session has a valid access token.
    ///
    /// Calls sign in by themselves. Use this to check the credentials early.
    ///
    /// # Errors
    /// - [`Unauthenticated`](crate::ErrorKind::Unauthenticated): the service rejected the credentials.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`TimedOut`](crate::ErrorKind::TimedOut),
    ///   [`RateLimited`](crate::ErrorKind::RateLimited): the service could not be reached or did not sign the
    ///   session in.
    /// - [`Undecodable`](crate::ErrorKind::Undecodable): the response is unexpected; check the base URL.
    pub async fn sign_in(&self) -> Result<(), Error> {
        self.0.session.token().await.map(drop)
    }

    /// Returns the interface for organizations and their groups.
    pub fn organizations(&self) -> &Arc<dyn Organizations> {
        &self.0.organizations
    }

    /// Returns the interface for patients.
    pub fn patients(&self) -> &Arc<dyn Patients> {
        &self.0.patients
    }

    /// Returns the interface for invitations.
    pub fn invitations(&self) -> &Arc<dyn Invitations> {
        &self.0.invitations
    }

    /// Returns the interface for appointments.
    pub fn appointments(&self) -> &Arc<dyn Appointments> {
        &self.0.appointments
    }

    /// Returns the interface for document references, the part of documents that the Carium service stores.
    ///
    /// Use [`uploads`](Self::uploads) and [`downloads`](Self::downloads) to transfer whole documents.
    pub fn documents(&self) -> &Arc<dyn Documents> {
        &self.0.document_services.documents
    }

    /// Returns the interface for file transfers, the part of documents that the object store handles.
    pub fn transfers(&self) -> &Arc<dyn Transfers> {
        &self.0.document_services.transfers
    }

    /// Returns the pipeline for document uploads.
    pub fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    /// Returns the pipeline for document downloads.
    pub fn downloads(&self) -> &Downloads {
        &self.0.downloads
    }

    /// Returns the pipeline for patient onboarding, which runs each step for a patient exactly once.
    ///
    /// The ledger records the steps that were run. Use a ledger that outlives the process if a patient must not
    /// be created twice after a crash.
    pub fn onboarding(&self, ledger: Arc<dyn Ledger>) -> Onboarding {
        let services = OnboardingServices {
            organizations: Arc::clone(self.organizations()),
            patients: Arc::clone(self.patients()),
            invitations: Arc::clone(self.invitations()),
            appointments: Arc::clone(self.appointments()),
            documents: Arc::clone(self.documents()),
            transfers: Arc::clone(self.transfers()),
        };
        Onboarding::with_uploads(services, self.uploads().clone(), ledger)
            .lookup_organization(self.organization())
    }

    /// Returns the low-level client. It shares the session, the retries and the limits of this client.
    pub fn api(&self) -> &Client {
        &self.0.api
    }

    /// Creates a request to any path of the API, such as `/caredb/v1/org-care-teams/`, also to one that the spec does not
    /// contain.
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::to_path(self.0.api.clone(), method, path.as_ref())
    }

    /// Creates a request for an operation that is chosen at run time, such as an entry of [`carium_api::operations`].
    ///
    /// Other programs use the typed methods. The request is not checked against the spec.
    pub fn operation(&self, operation: &Operation) -> RequestBuilder {
        RequestBuilder::new(self.0.api.clone(), operation.clone())
    }

    /// Returns the resources at any path of the API that follows the vendor's conventions, with attributes of the type
    /// `T`.
    pub fn resource<T>(&self, path: impl AsRef<str>) -> Resource<T> {
        Resource::new(self.0.api.clone(), path.as_ref())
    }

    /// Returns the default organization of the client, if one is configured.
    pub fn organization(&self) -> Option<OrganizationId> {
        self.0.organization
    }

    /// Returns a builder for a patient in the client's organization.
    pub fn new_patient(&self) -> NewPatientBuilder {
        let patient = NewPatient::builder();
        match self.organization() {
            Some(organization) => patient.organization(organization),
            None => patient,
        }
    }

    /// Returns a builder for an appointment in the client's organization.
    pub fn new_appointment(&self) -> NewAppointmentBuilder {
        let appointment = NewAppointment::builder();
        match self.organization() {
            Some(organization) => appointment.organization(organization),
            None => appointment,
        }
    }

    /// Returns a builder for a document in the client's organization.
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
