//! The state of the service, and its accounts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use carium::{Credentials, OneTimeCode, Secret};
use carium_api::types::{
    self, AppointmentId, AppointmentStatusId, AppointmentTypeId, DocumentClassId, DocumentReferenceId,
    IndividualGroupId, IndividualId, NotificationChannel, OrganizationId, PractitionerId,
};
use indexmap::IndexMap;
use tokio::time::Instant;
use uuid::Uuid;

use super::message::ErrorResponse;
use super::quirks::Quirks;
use super::resources::ResourceCollections;

/// An account of the fake. `Debug` shows only the username.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeAccount {
    /// The username.
    pub username: &'static str,
    /// The password.
    pub password: &'static str,
    /// The base32 TOTP secret, if the account requires one-time codes (RFC 6238: SHA-1, six digits, a new code
    /// every 30 seconds). Each code can be used once.
    pub totp_secret: Option<&'static str>,
}

impl FakeAccount {
    /// Returns the account of the vendor's Examples page.
    pub(crate) const fn plain() -> Self {
        Self { username: "username", password: "password", totp_secret: None }
    }

    /// Returns an account that requires one-time codes. Its secret has 20 bytes, as RFC 4226 recommends.
    pub(crate) const fn with_totp() -> Self {
        Self {
            username: "username-with-code",
            password: "password",
            totp_secret: Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        }
    }

    /// Returns the credentials for a client, which generates one-time codes itself if the account requires them.
    ///
    /// # Panics
    /// Panics if a field was changed to a value that [`Credentials`] rejects.
    pub fn credentials(&self) -> Credentials {
        const REASON: &str = "the accounts of the fake are valid";
        let credentials = Credentials::new(self.username, self.password).expect(REASON);
        match self.totp_secret {
            Some(secret) => {
                let secret = Secret::from(secret);
                credentials.one_time_code(OneTimeCode::from_totp_secret(&secret).expect(REASON))
            }
            None => credentials,
        }
    }
}

impl fmt::Debug for FakeAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeAccount").field("username", &self.username).finish_non_exhaustive()
    }
}

/// An account and the state of its one-time codes.
pub(crate) struct Account {
    pub(crate) details: FakeAccount,
    /// The TOTP time steps whose codes were used.
    pub(crate) used_steps: BTreeSet<u64>,
}

/// The state of the service. All collections are maps and sets, so that lookups stay fast in large tests.
pub(crate) struct ServiceState {
    ids: fastrand::Rng,
    /// A separate generator, so that the number of sign-ins does not affect IDs.
    token_numbers: fastrand::Rng,
    pub(crate) quirks: Quirks,
    pub(crate) accounts: [Account; 2],
    /// Access tokens and when they expire.
    pub(crate) tokens: HashMap<String, Instant>,
    /// The names of the organizations.
    pub(crate) organizations: IndexMap<OrganizationId, String>,
    /// The organization and the name of each group.
    pub(crate) groups: IndexMap<IndividualGroupId, (OrganizationId, String)>,
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
    pub(crate) documents: IndexMap<DocumentReferenceId, FakeDocument>,
    pub(crate) resources: ResourceCollections,
}

/// A document reference in the fake. `Debug` shows only what may be logged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FakeDocument {
    /// The ID of the document reference.
    pub id: DocumentReferenceId,
    /// The attributes that were sent when it was created.
    pub attributes: types::NewDocumentReference,
    /// Whether the upload was processed, so that the document can be downloaded.
    pub is_processed: bool,
}

impl ServiceState {
    /// Creates a state with two accounts and no other data.
    pub(crate) fn new(seed: u64) -> Self {
        let accounts = [FakeAccount::plain(), FakeAccount::with_totp()];
        Self {
            ids: fastrand::Rng::with_seed(seed),
            token_numbers: fastrand::Rng::with_seed(!seed),
            quirks: Quirks::default(),
            accounts: accounts.map(|details| Account { details, used_steps: BTreeSet::new() }),
            tokens: HashMap::new(),
            organizations: IndexMap::new(),
            groups: IndexMap::new(),
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
            resources: ResourceCollections::default(),
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
        require_known("organization-id", "organization", self.organizations.contains_key(&id))
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
        self.patients.get(&self.patient_id_by_username(username)?)
    }

    pub(crate) fn patient_id_by_username(&self, username: &str) -> Option<IndividualId> {
        self.patients_by_username.get(&normalize_username(username)).copied()
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
        let is_account = || self.accounts.iter().any(|it| it.details.username.eq_ignore_ascii_case(username));
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
