//! A Carium in memory, for tests: stateful, with the service's rules, and the real client in front of it.
//!
//! A mock answers what a test tells it to, and so repeats what its author believes of the service. This one
//! keeps the service's rules instead: ids must be of something, a username is one person's, a document has no
//! file before one was uploaded. Calls go through the whole client but for the network: what it repeats, checks
//! and says of a failure is what it does in production.

mod traits;

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

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

use crate::faults::{Fault, FaultPlan, Faults};
use crate::service::store::{MemoryStore, Store};
use crate::service::world::{Filed, World};
use crate::service::{FakeAccount, FakeCall, Quirk, Service};

/// A Carium in memory. Cheap to clone; the clones are one.
///
/// It implements every trait of `carium`, so it stands wherever a program takes `&dyn Patients` or the like; where
/// a program takes a [`Carium`], [`client`](Self::client) is one. Ids are the same in each run for the same seed,
/// and time is tokio's.
///
/// ```
/// use carium::patients::{Gender, NewPatient, Patients};
/// use carium_mock::FakeCarium;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fake = FakeCarium::new();
/// let patient = fake.client().new_patient().first_name("James").last_name("Reece").birth_date("1980-07-04");
/// let patient = patient.gender(Gender::Male).email("james.reece@example.com").build()?;
/// let id = fake.create(patient.clone()).await?;
/// assert_eq!(fake.patients()[0].0, id);
/// // A username is one person's.
/// assert!(fake.create(patient).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakeCarium(Arc<Parts>);

struct Parts {
    service: Arc<Service>,
    store: Arc<dyn Store>,
    organization: OrganizationId,
    client: Carium,
    /// Where another client begins.
    builder: Box<dyn Fn() -> CariumBuilder + Send + Sync>,
}

impl FakeCarium {
    /// One with an organization and nothing else.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// One whose ids follow from this seed.
    #[allow(clippy::missing_panics_doc, reason = "it does not: all that could be wrong stands in this crate")]
    pub fn with_seed(seed: u64) -> Self {
        let mut world = World::new(seed);
        let organization = OrganizationId(world.next_id());
        world.organizations.insert(organization);
        let faults = Arc::new(Faults::default());
        let store = Arc::new(MemoryStore::new(Duration::from_hours(1), Arc::clone(&faults)));
        let service = Arc::new(Service::new(world, Arc::<MemoryStore>::clone(&store), faults));
        let files: Arc<dyn Store> = Arc::<MemoryStore>::clone(&store);
        let (transport, transfers) = (Arc::clone(&service), store);
        Self::assembled(service, files, organization, move || {
            let transport: Arc<dyn Transport> = Arc::<Service>::clone(&transport);
            let transfers: Arc<dyn Transfers> = Arc::<MemoryStore>::clone(&transfers);
            Carium::builder().base_url("https://fake.invalid").transport(transport).transfers(transfers)
        })
        .expect(
            "with a transport and transfers that are given no HTTP client is made, and all else stands here",
        )
    }

    /// One whose clients begin so. Credentials and organization are put on here.
    pub(crate) fn assembled(
        service: Arc<Service>,
        store: Arc<dyn Store>,
        organization: OrganizationId,
        begin: impl Fn() -> CariumBuilder + Send + Sync + 'static,
    ) -> Result<Self, carium::Error> {
        let credentials = FakeAccount::plain().credentials()?;
        let builder = move || begin().credentials(credentials.clone()).organization(organization);
        let client = builder().build()?;
        Ok(Self(Arc::new(Parts { service, store, organization, client, builder: Box::new(builder) })))
    }

    /// The real client, in front of this. Signs in by itself.
    pub fn client(&self) -> &Carium {
        &self.0.client
    }

    /// Begins to set up another client in front of this: with another deadline, say, or other repetitions.
    pub fn client_builder(&self) -> CariumBuilder {
        (self.0.builder)()
    }

    /// The organization that is there from the beginning, and that the client is set up for.
    pub fn organization(&self) -> OrganizationId {
        self.0.organization
    }

    /// Another organization.
    pub fn new_organization(&self) -> OrganizationId {
        self.add(|world, id| {
            world.organizations.insert(OrganizationId(id));
            OrganizationId(id)
        })
    }

    /// A group that patients can belong to.
    pub fn new_group(&self) -> IndividualGroupId {
        self.add(|world, id| {
            world.groups.insert(IndividualGroupId(id));
            IndividualGroupId(id)
        })
    }

    /// A patient of whom nothing is known: someone for appointments and documents.
    pub fn new_individual(&self) -> IndividualId {
        self.add(|world, id| {
            world.individuals.insert(IndividualId(id));
            IndividualId(id)
        })
    }

    /// Someone who can be invited, beside the patients that are created.
    pub fn add_user(&self, username: impl Into<String>) {
        self.0.service.world().add_user(&username.into());
    }

    /// The practitioner of this name, who is there from now on.
    pub fn practitioner(&self, name: &str) -> PractitionerId {
        self.named(name, |world| &mut world.practitioners)
    }

    /// The status of appointments of this name, which is there from now on.
    pub fn appointment_status(&self, name: &str) -> AppointmentStatusId {
        self.named(name, |world| &mut world.statuses)
    }

    /// The type of appointments of this name, which is there from now on.
    pub fn appointment_type(&self, name: &str) -> AppointmentTypeId {
        self.named(name, |world| &mut world.kinds)
    }

    /// The class of documents of this name, which is there from now on.
    pub fn document_class(&self, name: &str) -> DocumentClassId {
        self.named(name, |world| &mut world.classes)
    }

    /// The patients that were created, in their order.
    pub fn patients(&self) -> Vec<(IndividualId, types::NewPatient)> {
        let world = self.0.service.world();
        world.patients().map(|(id, patient)| (*id, patient.clone())).collect()
    }

    /// The invitations to this username, however it is capitalized, in their order: the ways in which each was sent.
    pub fn invitations_to(&self, username: &str) -> Vec<Vec<NotificationChannel>> {
        self.0.service.world().invitations_to(username)
    }

    /// The appointments that are there, by their ids.
    pub fn appointments(&self) -> Vec<(AppointmentId, types::NewAppointment)> {
        let world = self.0.service.world();
        world.appointments.iter().map(|(id, appointment)| (*id, appointment.clone())).collect()
    }

    /// The documents that were announced, in their order.
    pub fn documents(&self) -> Vec<FakeDocument> {
        let world = self.0.service.world();
        let document = |(id, filed): (&DocumentReferenceId, &Filed)| FakeDocument {
            id: *id,
            attributes: filed.attributes.clone(),
            is_processed: filed.is_processed,
        };
        world.documents.iter().map(document).collect()
    }

    /// The file of a document, where one was uploaded.
    pub fn document_bytes(&self, id: DocumentReferenceId) -> Option<Bytes> {
        self.0.store.file(id)
    }

    /// The calls that reached the service, in their order; of more than a million, the last million. Sign-ins are
    /// among them.
    pub fn calls(&self) -> Vec<FakeCall> {
        self.0.service.calls()
    }

    /// The account of the client, which signs in with a username and a password.
    pub fn account(&self) -> FakeAccount {
        FakeAccount::plain()
    }

    /// Another account, which signs in with one-time codes too.
    pub fn account_with_codes(&self) -> FakeAccount {
        FakeAccount::with_codes()
    }

    /// Does these things in the other way from now on, and all others as they are without.
    pub fn set_quirks(&self, quirks: impl IntoIterator<Item = Quirk>) {
        self.0.service.world().quirks = quirks.into_iter().collect();
    }

    /// Ends every access token: the client signs in again.
    pub fn revoke_tokens(&self) {
        self.0.service.world().tokens.clear();
    }

    /// From now on this goes wrong, of the service and of its object store: a list of [`Fault`]s or a [`FaultPlan`].
    /// An earlier plan is gone, and calls are counted anew.
    pub fn set_faults(&self, plan: impl Into<FaultPlan>) {
        self.0.service.faults().set(plan.into());
    }

    /// From now on all goes well.
    pub fn clear_faults(&self) {
        self.0.service.faults().set(FaultPlan::default());
    }

    /// The faults of the plan that no call has met. At the end of a test there should be none: it did not show what
    /// it was written for.
    pub fn unused_faults(&self) -> Vec<Fault> {
        self.0.service.faults().unmet()
    }

    fn add<T>(&self, add: impl FnOnce(&mut World, Uuid) -> T) -> T {
        let world = &mut *self.0.service.world();
        let id = world.next_id();
        add(world, id)
    }

    fn named<I: Copy + Eq + From<Uuid> + Hash>(
        &self,
        name: &str,
        things: fn(&mut World) -> &mut IndexMap<I, String>,
    ) -> I {
        let world = &mut *self.0.service.world();
        let known = things(world).iter().find(|(_, each)| *each == name).map(|(id, _)| *id);
        known.unwrap_or_else(|| {
            let id = I::from(world.next_id());
            things(world).insert(id, name.to_owned());
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

/// A document that was announced. `Debug` shows what may be logged of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FakeDocument {
    /// The id of its reference.
    pub id: DocumentReferenceId,
    /// What was said of it.
    pub attributes: types::NewDocumentReference,
    /// Whether it can be opened.
    pub is_processed: bool,
}
