//! Contract tests: the wrapper meets the requirements of the trait that it implements.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use carium::Patients;
use carium::patients::{IndividualGroupId, OrganizationId};
use carium_mock::FakeCarium;
use carium_mock::contract_tests::{Fixture, PatientsFixture};
use clinic_sync::AuditedPatients;

/// The wrapper around a fake.
struct AuditedFixture {
    fake: FakeCarium,
    audited: Arc<AuditedPatients>,
}

impl AuditedFixture {
    fn new(fake: FakeCarium) -> Self {
        Self { audited: Arc::new(AuditedPatients::new(Arc::clone(fake.client().patients()))), fake }
    }
}

impl Fixture for AuditedFixture {
    fn organization(&self) -> OrganizationId {
        self.fake.organization()
    }
}

impl PatientsFixture for AuditedFixture {
    fn patients(&self) -> Arc<dyn Patients> {
        Arc::<AuditedPatients>::clone(&self.audited)
    }

    fn groups(&self) -> [IndividualGroupId; 2] {
        ["Diabetes program", "New patients"].map(|name| self.fake.add_group(name))
    }
}

carium_mock::contract_tests!(patients; fixture = AuditedFixture::new(FakeCarium::new()));
