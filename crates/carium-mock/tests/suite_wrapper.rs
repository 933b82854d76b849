//! A team's own layer goes through the part of the contract that it is about, and a mistake in it is told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use carium::api::async_trait;
use carium::patients::{IndividualGroupId, IndividualId, OrganizationId};
use carium::{Error, ErrorKind, NewPatient, Patients};
use carium_mock::FakeCarium;
use carium_mock::contract_tests::{Fixture, PatientsFixture, checks};

/// A layer in front of patients that remembers whom it has created.
struct Remembering {
    inner: FakeCarium,
    created: Mutex<Vec<(String, IndividualId)>>,
    mistake: Option<Mistake>,
}

#[derive(Clone, Copy)]
enum Mistake {
    /// Whoever is created again is given the id that the first has.
    AnswersFromMemory,
    /// A refusal becomes an error of another kind.
    LosesTheKind,
    /// A refusal says that it may have happened.
    IsInDoubt,
    /// A refusal does not name the field.
    LosesTheField,
}

#[async_trait]
impl Patients for Remembering {
    async fn create(&self, patient: NewPatient) -> Result<IndividualId, Error> {
        let username = patient.username().to_owned();
        if matches!(self.mistake, Some(Mistake::AnswersFromMemory)) {
            let created = self.created.lock().unwrap();
            if let Some((_, id)) = created.iter().find(|(name, _)| *name == username) {
                return Ok(*id);
            }
        }
        let result = self.inner.create(patient).await;
        let id = result.map_err(|error| match self.mistake {
            Some(Mistake::LosesTheKind) => Error::new(ErrorKind::Unavailable, "something is wrong"),
            Some(Mistake::IsInDoubt) => error.with_unknown_outcome(),
            Some(Mistake::LosesTheField) => Error::new(error.kind(), "something is wrong"),
            Some(Mistake::AnswersFromMemory) | None => error,
        })?;
        self.created.lock().unwrap().push((username, id));
        Ok(id)
    }
}

struct Subject {
    fake: FakeCarium,
    patients: Arc<Remembering>,
}

impl Fixture for Subject {
    fn organization(&self) -> OrganizationId {
        self.fake.organization()
    }
}

impl PatientsFixture for Subject {
    fn patients(&self) -> Arc<dyn Patients> {
        Arc::<Remembering>::clone(&self.patients)
    }

    fn groups(&self) -> [IndividualGroupId; 2] {
        [self.fake.add_group(), self.fake.add_group()]
    }
}

fn subject(mistake: Option<Mistake>) -> Subject {
    let fake = FakeCarium::new();
    let patients = Remembering { inner: fake.clone(), created: Mutex::default(), mistake };
    Subject { fake, patients: Arc::new(patients) }
}

carium_mock::contract_tests!(patients; subject = subject(None));

#[tokio::test]
async fn a_mistake_is_told_by_promise_and_place() {
    for (mistake, came) in [
        (Mistake::AnswersFromMemory, "came:      it was done"),
        (Mistake::LosesTheKind, "Unavailable: something is wrong"),
        (Mistake::IsInDoubt, "it may have happened all the same"),
        (Mistake::LosesTheField, "Conflict: something is wrong"),
    ] {
        let broken = checks::patients::a_username_is_one_persons(&subject(Some(mistake))).await.unwrap_err();
        assert_eq!(broken.check(), "patients::a_username_is_one_persons");
        let told = broken.to_string();
        assert!(told.contains("A username is one person's") && told.contains(came), "{told}");
    }
}
