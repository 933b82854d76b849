//! The state of the service.

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
use super::quirks::Quirks;
use super::response::ErrorResponse;

/// The state of the service. All collections are keyed by ID, so that lookups stay fast in large tests.
pub(crate) struct ServiceState {
    ids: fastrand::Rng,
    /// A separate generator, so that the number of sign-ins does not affect IDs.
    token_numbers: fastrand::Rng,
    pub(crate) quirks: Quirks,
    /// By username.
    pub(crate) accounts: BTreeMap<String, Account>,
    /// Access tokens and when they expire.
    pub(crate) tokens: HashMap<String, Instant>,
    pub(crate) organizations: HashSet<OrganizationId>,
    pub(crate) groups: HashSet<IndividualGroupId>,
    /// Patients without any data.
    pub(crate) individuals: HashSet<IndividualId>,
    patients: IndexMap<IndividualId, types::NewPatient>,
    /// By lowercase username.
    patients_by_username: HashMap<String, IndividualId>,
    /// Lowercase usernames of users who can be invited but are not patients.
    usernames: HashSet<String>,
    pub(crate) practitioners: IndexMap<PractitionerId, String>,
    pub(crate) appointment_statuses: IndexMap<AppointmentStatusId, String>,
    pub(crate) appointment_types: IndexMap<AppointmentTypeId, String>,
    pub(crate) document_classes: IndexMap<DocumentClassId, String>,
    /// The channels of each invitation, by lowercase username.
    invitations: HashMap<String, Vec<Vec<NotificationChannel>>>,
    pub(crate) appointments: BTreeMap<AppointmentId, types::NewAppointment>,
    pub(crate) documents: IndexMap<DocumentReferenceId, StoredDocument>,
}

/// A document reference.
pub(crate) struct StoredDocument {
    pub(crate) attributes: types::NewDocumentReference,
    pub(crate) is_processed: bool,
}

impl ServiceState {
    /// Creates a state with two accounts and no other data.
    pub(crate) fn new(seed: u64) -> Self {
        let accounts = [FakeAccount::plain(), FakeAccount::with_totp()];
        Self {
            ids: fastrand::Rng::with_seed(seed),
            token_numbers: fastrand::Rng::with_seed(!seed),
            quirks: Quirks::default(),
            accounts: accounts.map(|account| (account.username.to_owned(), account.into())).into(),
            tokens: HashMap::new(),
            organizations: HashSet::new(),
            groups: HashSet::new(),
            individuals: HashSet::new(),
            patients: IndexMap::new(),
            patients_by_username: HashMap::new(),
            usernames: HashSet::new(),
            practitioners: IndexMap::new(),
            appointment_statuses: IndexMap::new(),
            appointment_types: IndexMap::new(),
            document_classes: IndexMap::new(),
            invitations: HashMap::new(),
            appointments: BTreeMap::new(),
            documents: IndexMap::new(),
        }
    }

    /// Returns the next ID. The sequence of IDs depends only on the seed.
    pub(crate) fn next_id(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.ids.u128(..).to_be_bytes()).into_uuid()
    }

    /// Creates an access token and removes expired ones.
    pub(crate) fn new_token(&mut self, lifetime: Duration) -> String {
        let token = format!("fake-{:032x}", self.token_numbers.u128(..));
        let now = Instant::now();
        self.tokens.retain(|_, expires_at| now < *expires_at);
        self.tokens.insert(token.clone(), now + lifetime);
        token
    }

    pub(crate) fn is_valid_token(&self, token: &str) -> bool {
        self.tokens.get(token).is_some_and(|expires_at| Instant::now() < *expires_at)
    }

    pub(crate) fn require_organization(&self, id: OrganizationId) -> Result<(), ErrorResponse> {
        require_known("organization-id", "organization", self.organizations.contains(&id))
    }

    pub(crate) fn require_individual(&self, id: IndividualId) -> Result<(), ErrorResponse> {
        let exists = self.individuals.contains(&id) || self.patients.contains_key(&id);
        require_known("individual-id", "patient", exists)
    }

    /// Returns the patients in order of creation.
    pub(crate) fn patients(&self) -> impl Iterator<Item = (&IndividualId, &types::NewPatient)> {
        self.patients.iter()
    }

    pub(crate) fn add_patient(&mut self, id: IndividualId, patient: types::NewPatient) {
        if let Some(username) = &patient.username {
            self.patients_by_username.insert(normalize_username(username.as_str()), id);
        }
        self.patients.insert(id, patient);
    }

    pub(crate) fn patient_by_username(&self, username: &str) -> Option<&types::NewPatient> {
        self.patients.get(self.patients_by_username.get(&normalize_username(username))?)
    }

    /// Adds a user who is not a patient.
    pub(crate) fn add_user(&mut self, username: &str) {
        self.usernames.insert(normalize_username(username));
    }

    /// Checks whether a user who is not a patient has this username.
    pub(crate) fn has_user(&self, username: &str) -> bool {
        self.usernames.contains(&normalize_username(username))
    }

    /// Checks whether a patient, another user or an account has this username.
    pub(crate) fn is_username_taken(&self, username: &str) -> bool {
        let is_account = || self.accounts.keys().any(|account| account.eq_ignore_ascii_case(username));
        self.patient_by_username(username).is_some() || self.has_user(username) || is_account()
    }

    pub(crate) fn add_invitation(&mut self, username: &str, channels: Vec<NotificationChannel>) {
        self.invitations.entry(normalize_username(username)).or_default().push(channels);
    }

    /// Returns the channels of each invitation to this username, in order.
    pub(crate) fn invitations_to(&self, username: &str) -> Vec<Vec<NotificationChannel>> {
        self.invitations.get(&normalize_username(username)).cloned().unwrap_or_default()
    }
}

/// Converts a username to lowercase for comparison, because the case of email addresses is not significant.
fn normalize_username(username: &str) -> String {
    username.to_ascii_lowercase()
}

/// Returns an error for an attribute whose ID does not exist.
pub(crate) fn require_known(attribute: &str, noun: &str, is_known: bool) -> Result<(), ErrorResponse> {
    if is_known {
        return Ok(());
    }
    Err(ErrorResponse::attribute("unknown-id", attribute, format!("The {noun} does not exist.")))
}
