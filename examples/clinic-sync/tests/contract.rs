//! The team's own layer keeps what the trait promises: the suite that the fake and the client go through.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use carium::Patients;
use carium::patients::{IndividualGroupId, OrganizationId};
use carium_mock::FakeCarium;
use carium_mock::contract_tests::{Fixture, PatientsFixture};
use clinic_sync::Audited;

/// The layer in front of a fake.
struct Subject {
    fake: FakeCarium,
    audited: Arc<Audited>,
}

impl Subject {
    fn new(fake: FakeCarium) -> Self {
        Self { audited: Arc::new(Audited::new(Arc::new(fake.clone()))), fake }
    }
}

impl Fixture for Subject {
    fn organization(&self) -> OrganizationId {
        self.fake.organization()
    }
}

impl PatientsFixture for Subject {
    fn patients(&self) -> Arc<dyn Patients> {
        Arc::<Audited>::clone(&self.audited)
    }

    fn groups(&self) -> [IndividualGroupId; 2] {
        [self.fake.add_group(), self.fake.add_group()]
    }
}

carium_mock::contract_tests!(patients; subject = Subject::new(FakeCarium::new()));
