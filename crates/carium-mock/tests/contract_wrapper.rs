//! Runs one group of the contract tests against a wrapper around one trait, and checks that they detect its bugs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use carium::api::async_trait;
use carium::patients::{IndividualGroupId, IndividualId, OrganizationId};
use carium::{Error, ErrorKind, NewPatient, Patients};
use carium_mock::FakeCarium;
use carium_mock::contract_tests::{Fixture, PatientsFixture, cases};

/// A wrapper that records the created patients.
struct RecordingPatients {
    inner: Arc<dyn Patients>,
    created: Mutex<Vec<(String, IndividualId)>>,
    bug: Option<Bug>,
}

#[derive(Clone, Copy)]
enum Bug {
    /// Returns the recorded ID when the same username is created a second time.
    ReturnsRecordedId,
    /// Returns a rejection with a different error kind.
    ChangesErrorKind,
    /// Returns a rejection as an error with an unknown outcome.
    MarksOutcomeUnknown,
    /// Returns a rejection without its field problems.
    DropsProblems,
}

#[async_trait]
impl Patients for RecordingPatients {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let username = patient.username().to_owned();
        if matches!(self.bug, Some(Bug::ReturnsRecordedId)) {
            let created = self.created.lock().unwrap();
            if let Some((_, id)) = created.iter().find(|(name, _)| *name == username) {
                return Ok(*id);
            }
        }
        let result = self.inner.create(patient).await;
        let id = result.map_err(|error| match self.bug {
            Some(Bug::ChangesErrorKind) => Error::new(ErrorKind::Unavailable, "replaced message"),
            Some(Bug::MarksOutcomeUnknown) => error.with_unknown_outcome(),
            Some(Bug::DropsProblems) => Error::new(error.kind(), "replaced message"),
            Some(Bug::ReturnsRecordedId) | None => error,
        })?;
        self.created.lock().unwrap().push((username, id));
        Ok(id)
    }
}

struct WrapperFixture {
    fake: FakeCarium,
    patients: Arc<RecordingPatients>,
}

impl Fixture for WrapperFixture {
    fn organization(&self) -> OrganizationId {
        self.fake.organization()
    }
}

impl PatientsFixture for WrapperFixture {
    fn patients(&self) -> Arc<dyn Patients> {
        Arc::<RecordingPatients>::clone(&self.patients)
    }

    fn groups(&self) -> [IndividualGroupId; 2] {
        ["Diabetes program", "New patients"].map(|name| self.fake.add_group(name))
    }
}

fn fixture(bug: Option<Bug>) -> WrapperFixture {
    let fake = FakeCarium::new();
    let patients =
        RecordingPatients { inner: Arc::clone(fake.client().patients()), created: Mutex::default(), bug };
    WrapperFixture { fake, patients: Arc::new(patients) }
}

carium_mock::contract_tests!(patients; fixture = fixture(None));

#[tokio::test]
async fn reports_bug_with_requirement_and_mismatch() {
    for (bug, mismatch) in [
        (Bug::ReturnsRecordedId, "actual:   success"),
        (Bug::ChangesErrorKind, "actual:   Unavailable: replaced message"),
        (Bug::MarksOutcomeUnknown, "expected: `may_have_been_applied()` is false"),
        (Bug::DropsProblems, "actual:   Conflict: replaced message"),
    ] {
        let violation = cases::patients::username_is_unique(&fixture(Some(bug))).await.unwrap_err();
        assert_eq!(violation.test_case(), "patients::username_is_unique");
        let text = violation.to_string();
        assert!(text.contains("A username belongs to one patient") && text.contains(mismatch), "{text}");
    }
}
