//! A stateful in-memory fake of the service, used through the real client.
//!
//! A mock returns the responses that a test configures, so it cannot reveal wrong assumptions about the service. The
//! fake implements the service's rules: IDs must exist, usernames are unique, and a document has no file until one is
//! uploaded. Calls go through the whole client except the network, so retries, checks and errors are the same as in
//! production.

mod file_store;
mod resource;

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;
use carium::documents::{DocumentReferenceId, Transfers};
use carium::invitations::NotificationChannel;
use carium::patients::{IndividualGroupId, IndividualId, OrganizationId};
use carium::{Carium, CariumBuilder};
use carium_api::Transport;
use carium_api::types::{
    self, AppointmentId, AppointmentStatusId, AppointmentTypeId, DocumentClassId, PractitionerId,
};
use indexmap::IndexMap;
use uuid::Uuid;

use self::file_store::MemoryFileStore;
pub use self::resource::FakeResource;
use crate::faults::{Fault, FaultInjector, FaultPlan};
use crate::service::state::ServiceState;
use crate::service::{FakeAccount, FakeCall, FakeDocument, FileStore, Quirk, Service};

/// An in-memory fake of the Carium service. Clones are cheap and share their state.
///
/// [`client`](Self::client) returns the real client, connected to the fake: for a program that takes `&dyn Patients`,
/// pass `&**fake.client().patients()`. The fake's own methods add data and inspect what the program did.
///
/// For the same seed, the IDs are the same in each run. The fake uses tokio's clock, so tests can pause and
/// advance time.
///
/// ```
/// use carium::patients::Gender;
/// use carium_mock::FakeCarium;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeCarium::new();
/// let patient = fake.client().new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
/// let patient = patient.gender(Gender::Male).email("james.reece@example.com").build()?;
/// let id = fake.client().patients().create(patient.clone()).await?;
/// assert_eq!(fake.patients()[0].0, id);
/// // The username is taken.
/// assert!(fake.client().patients().create(patient).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeCarium(Arc<FakeInner>);

struct FakeInner {
    service: Arc<Service>,
    organization: OrganizationId,
    client: Carium,
    /// Creates builders of further clients.
    new_builder: Box<dyn Fn() -> CariumBuilder + Send + Sync>,
}

impl FakeCarium {
    /// Creates a fake with one organization and no other data.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// Creates a fake whose IDs are derived from this seed.
    #[allow(clippy::missing_panics_doc, reason = "it cannot panic: the configuration is constant")]
    pub fn with_seed(seed: u64) -> Self {
        let mut state = ServiceState::new(seed);
        let organization = OrganizationId(state.next_id());
        state.organizations.insert(organization, "Example Clinic".to_owned());
        let faults = Arc::new(FaultInjector::default());
        let store = Arc::new(MemoryFileStore::new(Arc::clone(&faults)));
        let file_store: Arc<dyn FileStore> = Arc::<MemoryFileStore>::clone(&store);
        let service = Arc::new(Service::new(state, file_store, faults));
        let transport: Arc<dyn Transport> = Arc::<Service>::clone(&service);
        let transfers: Arc<dyn Transfers> = store;
        Self::from_parts(service, organization, move || {
            let builder = Carium::builder().base_url("https://fake.invalid");
            builder.transport(Arc::clone(&transport)).transfers(Arc::clone(&transfers))
        })
        .expect("the configuration is constant, and with a custom transport no HTTP client is created")
    }

    /// Creates a fake whose clients start from `new_builder`. Credentials and organization are added here.
    pub(crate) fn from_parts(
        service: Arc<Service>,
        organization: OrganizationId,
        new_builder: impl Fn() -> CariumBuilder + Send + Sync + 'static,
    ) -> Result<Self, carium::Error> {
        let credentials = FakeAccount::plain().credentials();
        let new_builder = move || new_builder().credentials(credentials.clone()).organization(organization);
        let client = new_builder().build()?;
        let new_builder = Box::new(new_builder);
        Ok(Self(Arc::new(FakeInner { service, organization, client, new_builder })))
    }

    /// Returns the real client, connected to this fake. It signs in automatically.
    pub fn client(&self) -> &Carium {
        &self.0.client
    }

    /// Returns a builder for another client of this fake, for example with another timeout or retry policy.
    pub fn client_builder(&self) -> CariumBuilder {
        (self.0.new_builder)()
    }

    /// Returns the ID of the initial organization, which the client is configured for.
    pub fn organization(&self) -> OrganizationId {
        self.0.organization
    }

    /// Adds another organization and returns its ID.
    pub fn add_organization(&self, name: impl Into<String>) -> OrganizationId {
        self.add(|state, id| {
            state.organizations.insert(OrganizationId(id), name.into());
            OrganizationId(id)
        })
    }

    /// Adds a group to the initial organization and returns its ID. Patients can belong to it.
    pub fn add_group(&self, name: impl Into<String>) -> IndividualGroupId {
        self.add_group_to(self.organization(), name)
    }

    /// Adds a group to an organization and returns its ID.
    pub fn add_group_to(&self, organization: OrganizationId, name: impl Into<String>) -> IndividualGroupId {
        self.add(|state, id| {
            state.groups.insert(IndividualGroupId(id), (organization, name.into()));
            IndividualGroupId(id)
        })
    }

    /// Adds a patient without any data and returns its ID, for tests of appointments and documents.
    pub fn add_individual(&self) -> IndividualId {
        self.add(|state, id| {
            state.individuals.insert(IndividualId(id));
            IndividualId(id)
        })
    }

    /// Adds a user who can be invited although they were not created as a patient.
    pub fn add_user(&self, username: impl Into<String>) {
        self.0.service.state().add_user(&username.into());
    }

    /// Returns the ID of the practitioner with this name, who is added if necessary.
    pub fn practitioner(&self, name: &str) -> PractitionerId {
        self.find_or_add(name, |state| &mut state.practitioners)
    }

    /// Returns the ID of the appointment status with this name, which is added if necessary.
    pub fn appointment_status(&self, name: &str) -> AppointmentStatusId {
        self.find_or_add(name, |state| &mut state.appointment_statuses)
    }

    /// Returns the ID of the appointment type with this name, which is added if necessary.
    pub fn appointment_type(&self, name: &str) -> AppointmentTypeId {
        self.find_or_add(name, |state| &mut state.appointment_types)
    }

    /// Returns the ID of the document class with this name, which is added if necessary.
    pub fn document_class(&self, name: &str) -> DocumentClassId {
        self.find_or_add(name, |state| &mut state.document_classes)
    }

    /// Returns the resources at a path that the spec does not contain, such as `/caredb/v1/org-care-teams/`. From then
    /// on, the fake serves them.
    ///
    /// At a path of the spec, the fake serves only the methods that the spec does not have, and the resources have nothing in
    /// common with those of the spec: patients that were created are not among them.
    pub fn resource(&self, path: &str) -> FakeResource {
        FakeResource::new(Arc::clone(&self.0.service), path)
    }

    /// Returns the patients that were created, in order of creation.
    pub fn patients(&self) -> Vec<(IndividualId, types::NewPatient)> {
        let state = self.0.service.state();
        state.patients().map(|(id, patient)| (*id, patient.clone())).collect()
    }

    /// Returns the notification channels of each invitation to this username, in order. The case of the username is
    /// ignored.
    pub fn invitations_to(&self, username: &str) -> Vec<Vec<NotificationChannel>> {
        self.0.service.state().invitations_to(username)
    }

    /// Returns the existing appointments, ordered by ID.
    pub fn appointments(&self) -> Vec<(AppointmentId, types::NewAppointment)> {
        let state = self.0.service.state();
        state.appointments.iter().map(|(id, appointment)| (*id, appointment.clone())).collect()
    }

    /// Returns the document references that were created, in order of creation.
    pub fn documents(&self) -> Vec<FakeDocument> {
        self.0.service.state().documents.values().cloned().collect()
    }

    /// Returns the file of a document, or `None` if no file was uploaded.
    pub fn document_bytes(&self, id: DocumentReferenceId) -> Option<Bytes> {
        self.0.service.store().file(id)
    }

    /// Returns the calls that reached the service, in order, including sign-ins. At most the last million calls are
    /// kept.
    pub fn calls(&self) -> Vec<FakeCall> {
        self.0.service.calls()
    }

    /// Returns the account of the client, which signs in with a username and a password.
    pub fn account(&self) -> FakeAccount {
        FakeAccount::plain()
    }

    /// Returns another account, which signs in with a username, a password and one-time codes.
    pub fn account_with_totp(&self) -> FakeAccount {
        FakeAccount::with_totp()
    }

    /// Enables these quirks and disables all others.
    pub fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        self.0.service.state().quirks = quirks.into_iter().collect();
    }

    /// Revokes all access tokens, so that the client has to sign in again.
    pub fn revoke_tokens(&self) {
        self.0.service.state().tokens.clear();
    }

    /// Injects these faults into the service and its object store. Accepts a list of [`Fault`]s or a [`FaultPlan`].
    ///
    /// Replaces the previous plan and resets the call counters.
    pub fn set_faults(&self, plan: impl Into<FaultPlan>) {
        self.0.service.faults().set(plan.into());
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.0.service.faults().set(FaultPlan::default());
    }

    /// Returns the faults of the plan that have not been injected yet.
    ///
    /// A test should assert at its end that there are none, because otherwise it did not test those faults.
    pub fn unused_faults(&self) -> Vec<Fault> {
        self.0.service.faults().unused()
    }

    fn add<T>(&self, add: impl FnOnce(&mut ServiceState, Uuid) -> T) -> T {
        let state = &mut *self.0.service.state();
        let id = state.next_id();
        add(state, id)
    }

    fn find_or_add<I: Copy + Eq + From<Uuid> + Hash>(
        &self,
        name: &str,
        items: fn(&mut ServiceState) -> &mut IndexMap<I, String>,
    ) -> I {
        let state = &mut *self.0.service.state();
        let existing = items(state).iter().find(|(_, item)| *item == name).map(|(id, _)| *id);
        existing.unwrap_or_else(|| {
            let id = I::from(state.next_id());
            items(state).insert(id, name.to_owned());
            id
        })
    }
}

impl Default for FakeCarium {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeCarium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCarium").field("organization", &self.0.organization).finish_non_exhaustive()
    }
}
