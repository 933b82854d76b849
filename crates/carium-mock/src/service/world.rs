//! What the service knows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use carium_api::types::{
    self, AppointmentId, AppointmentStatusId, AppointmentTypeId, DocumentClassId, DocumentReferenceId,
    IndividualGroupId, IndividualId, NotificationChannel, OrganizationId, PractitionerId,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::answer::Refusal;

/// What the service knows.
pub(crate) struct World {
    ids: fastrand::Rng,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) tokens: BTreeMap<String, Instant>,
    pub(crate) organizations: BTreeSet<OrganizationId>,
    pub(crate) groups: BTreeSet<IndividualGroupId>,
    /// Individuals of whom nothing is known but that they are there.
    pub(crate) individuals: BTreeSet<IndividualId>,
    pub(crate) patients: Vec<(IndividualId, types::NewPatient)>,
    /// Those who can be invited without being a patient here.
    pub(crate) usernames: BTreeSet<String>,
    pub(crate) practitioners: Vec<(PractitionerId, String)>,
    pub(crate) statuses: Vec<(AppointmentStatusId, String)>,
    pub(crate) kinds: Vec<(AppointmentTypeId, String)>,
    pub(crate) classes: Vec<(DocumentClassId, String)>,
    pub(crate) invitations: Vec<(String, Vec<NotificationChannel>)>,
    pub(crate) appointments: BTreeMap<AppointmentId, types::NewAppointment>,
    pub(crate) documents: Vec<(DocumentReferenceId, Filed)>,
}

/// Who can sign in.
pub(crate) struct Account {
    pub(crate) password: String,
    /// The key of their one-time codes, base32.
    pub(crate) totp_secret: Option<String>,
    /// The steps whose codes were used: a code is good once.
    pub(crate) used_codes: BTreeSet<u64>,
}

/// A document.
pub(crate) struct Filed {
    pub(crate) attributes: types::NewDocumentReference,
    pub(crate) is_processed: bool,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            ids: fastrand::Rng::with_seed(seed),
            accounts: BTreeMap::new(),
            tokens: BTreeMap::new(),
            organizations: BTreeSet::new(),
            groups: BTreeSet::new(),
            individuals: BTreeSet::new(),
            patients: Vec::new(),
            usernames: BTreeSet::new(),
            practitioners: Vec::new(),
            statuses: Vec::new(),
            kinds: Vec::new(),
            classes: Vec::new(),
            invitations: Vec::new(),
            appointments: BTreeMap::new(),
            documents: Vec::new(),
        }
    }

    /// The next id: the same ones in the same order for the same seed.
    pub(crate) fn next_id(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.ids.u128(..).to_be_bytes()).into_uuid()
    }

    /// A new token, good for so long.
    pub(crate) fn new_token(&mut self, lifetime: Duration) -> String {
        let token = format!("fake-{}", self.next_id().simple());
        self.tokens.insert(token.clone(), Instant::now() + lifetime);
        token
    }

    pub(crate) fn is_good(&self, token: &str) -> bool {
        self.tokens.get(token).is_some_and(|until| Instant::now() < *until)
    }

    pub(crate) fn has_organization(&self, id: OrganizationId) -> Result<(), Refusal> {
        known("organization-id", "organization", self.organizations.contains(&id))
    }

    pub(crate) fn has_individual(&self, id: IndividualId) -> Result<(), Refusal> {
        let is_there =
            self.individuals.contains(&id) || self.patients.iter().any(|(patient, _)| *patient == id);
        known("individual-id", "patient", is_there)
    }

    /// The patient whose username this is.
    pub(crate) fn patient_named(&self, username: &str) -> Option<&types::NewPatient> {
        self.patients.iter().map(|(_, patient)| patient).find(|patient| {
            patient.username.as_ref().is_some_and(|other| other.as_str().eq_ignore_ascii_case(username))
        })
    }
}

/// Refuses an id that is of nothing.
pub(crate) fn known(attribute: &str, what: &str, is_known: bool) -> Result<(), Refusal> {
    if is_known {
        return Ok(());
    }
    Err(Refusal::attribute("unknown-id", attribute, format!("There is no such {what}.")))
}
