//! What the service knows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use carium_api::types::{
    self, AppointmentId, AppointmentStatusId, AppointmentTypeId, DocumentClassId, DocumentReferenceId,
    IndividualGroupId, IndividualId, NotificationChannel, OrganizationId, PractitionerId,
};
use indexmap::IndexMap;
use tokio::time::Instant;
use uuid::Uuid;

use super::account::{Account, FakeAccount};
use super::answer::Refusal;
use super::quirks::Quirks;

/// What the service knows. What is looked up by its id is found by it, however much there is.
pub(crate) struct World {
    ids: fastrand::Rng,
    /// Of its own, so that ids do not follow from how often someone signs in.
    token_numbers: fastrand::Rng,
    pub(crate) quirks: Quirks,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) tokens: HashMap<String, Instant>,
    pub(crate) organizations: HashSet<OrganizationId>,
    pub(crate) groups: HashSet<IndividualGroupId>,
    /// Individuals of whom nothing is known but that they are there.
    pub(crate) individuals: HashSet<IndividualId>,
    patients: IndexMap<IndividualId, types::NewPatient>,
    /// By their usernames in lower case.
    patients_by_username: HashMap<String, IndividualId>,
    /// Those who can be invited without being a patient here, in lower case.
    usernames: HashSet<String>,
    pub(crate) practitioners: IndexMap<PractitionerId, String>,
    pub(crate) statuses: IndexMap<AppointmentStatusId, String>,
    pub(crate) kinds: IndexMap<AppointmentTypeId, String>,
    pub(crate) classes: IndexMap<DocumentClassId, String>,
    /// To usernames in lower case.
    invitations: HashMap<String, Vec<Vec<NotificationChannel>>>,
    pub(crate) appointments: BTreeMap<AppointmentId, types::NewAppointment>,
    pub(crate) documents: IndexMap<DocumentReferenceId, Filed>,
}

/// A document.
pub(crate) struct Filed {
    pub(crate) attributes: types::NewDocumentReference,
    pub(crate) is_processed: bool,
}

impl World {
    /// Two accounts, and nothing else.
    pub(crate) fn new(seed: u64) -> Self {
        let accounts = [FakeAccount::plain(), FakeAccount::with_codes()];
        Self {
            ids: fastrand::Rng::with_seed(seed),
            token_numbers: fastrand::Rng::with_seed(!seed),
            quirks: Quirks::default(),
            accounts: accounts.map(|account| (account.username.to_owned(), Account::of(account))).into(),
            tokens: HashMap::new(),
            organizations: HashSet::new(),
            groups: HashSet::new(),
            individuals: HashSet::new(),
            patients: IndexMap::new(),
            patients_by_username: HashMap::new(),
            usernames: HashSet::new(),
            practitioners: IndexMap::new(),
            statuses: IndexMap::new(),
            kinds: IndexMap::new(),
            classes: IndexMap::new(),
            invitations: HashMap::new(),
            appointments: BTreeMap::new(),
            documents: IndexMap::new(),
        }
    }

    /// The next id: the same ones in the same order for the same seed.
    pub(crate) fn next_id(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.ids.u128(..).to_be_bytes()).into_uuid()
    }

    /// A new token, good for so long.
    pub(crate) fn new_token(&mut self, lifetime: Duration) -> String {
        let token = format!("fake-{:032x}", self.token_numbers.u128(..));
        let now = Instant::now();
        self.tokens.retain(|_, until| now < *until);
        self.tokens.insert(token.clone(), now + lifetime);
        token
    }

    pub(crate) fn is_good(&self, token: &str) -> bool {
        self.tokens.get(token).is_some_and(|until| Instant::now() < *until)
    }

    pub(crate) fn has_organization(&self, id: OrganizationId) -> Result<(), Refusal> {
        known("organization-id", "organization", self.organizations.contains(&id))
    }

    pub(crate) fn has_individual(&self, id: IndividualId) -> Result<(), Refusal> {
        let is_there = self.individuals.contains(&id) || self.patients.contains_key(&id);
        known("individual-id", "patient", is_there)
    }

    /// The patients, in the order in which they were created.
    pub(crate) fn patients(&self) -> impl Iterator<Item = (&IndividualId, &types::NewPatient)> {
        self.patients.iter()
    }

    pub(crate) fn add_patient(&mut self, id: IndividualId, patient: types::NewPatient) {
        if let Some(username) = &patient.username {
            self.patients_by_username.insert(folded(username.as_str()), id);
        }
        self.patients.insert(id, patient);
    }

    /// The patient whose username this is, however it is capitalized.
    pub(crate) fn patient_named(&self, username: &str) -> Option<&types::NewPatient> {
        self.patients.get(self.patients_by_username.get(&folded(username))?)
    }

    /// Has someone be there who is no patient.
    pub(crate) fn add_user(&mut self, username: &str) {
        self.usernames.insert(folded(username));
    }

    /// Whether this is the username of someone who is no patient.
    pub(crate) fn has_user(&self, username: &str) -> bool {
        self.usernames.contains(&folded(username))
    }

    /// Whether someone has this username, however it is capitalized.
    pub(crate) fn is_taken(&self, username: &str) -> bool {
        let is_account = || self.accounts.keys().any(|account| account.eq_ignore_ascii_case(username));
        self.patient_named(username).is_some() || self.has_user(username) || is_account()
    }

    pub(crate) fn add_invitation(&mut self, username: &str, channels: Vec<NotificationChannel>) {
        self.invitations.entry(folded(username)).or_default().push(channels);
    }

    /// The invitations to this username, in their order.
    pub(crate) fn invitations_to(&self, username: &str) -> Vec<Vec<NotificationChannel>> {
        self.invitations.get(&folded(username)).cloned().unwrap_or_default()
    }
}

/// A username as it is compared: e-mail addresses are written in any case.
fn folded(username: &str) -> String {
    username.to_ascii_lowercase()
}

/// Refuses an id that is of nothing.
pub(crate) fn known(attribute: &str, what: &str, is_known: bool) -> Result<(), Refusal> {
    if is_known {
        return Ok(());
    }
    Err(Refusal::attribute("unknown-id", attribute, format!("There is no such {what}.")))
}
