//! Implements the fixtures for the fake and the sandbox.

use std::sync::Arc;

use carium::appointments::{AppointmentStatusId, AppointmentTypeId, PractitionerId};
use carium::documents::DocumentClassId;
use carium::invitations::NotificationChannel;
use carium::patients::{IndividualGroupId, IndividualId, OrganizationId};
use carium::{Appointments, Documents, Invitations, Patients, Transfers};

use super::{AppointmentsFixture, DocumentsFixture, Fixture, InvitationsFixture, PatientsFixture};
use crate::FakeCarium;

const USERNAME: &str = "reachable@example.com";

/// Implements the fixtures for a type that contains a fake. The fake's client is the implementation under test.
macro_rules! impl_fixtures {
    ($name:ty, $fake:expr) => {
        impl Fixture for $name {
            fn organization(&self) -> OrganizationId {
                $fake(self).organization()
            }
        }

        impl PatientsFixture for $name {
            fn patients(&self) -> Arc<dyn Patients> {
                Arc::clone($fake(self).client().patients())
            }

            fn groups(&self) -> [IndividualGroupId; 2] {
                [$fake(self).add_group(), $fake(self).add_group()]
            }
        }

        impl InvitationsFixture for $name {
            fn invitations(&self) -> Arc<dyn Invitations> {
                Arc::clone($fake(self).client().invitations())
            }

            fn username(&self) -> String {
                $fake(self).add_user(USERNAME);
                USERNAME.to_owned()
            }

            fn invitations_sent_to(&self, username: &str) -> Option<Vec<Vec<NotificationChannel>>> {
                Some($fake(self).invitations_to(username))
            }
        }

        impl AppointmentsFixture for $name {
            fn appointments(&self) -> Arc<dyn Appointments> {
                Arc::clone($fake(self).client().appointments())
            }

            fn individual(&self) -> IndividualId {
                $fake(self).add_individual()
            }

            fn two_practitioners(&self) -> [PractitionerId; 2] {
                ["Dr. Quill", "Dr. Inkwell"].map(|name| $fake(self).practitioner(name))
            }

            fn two_statuses(&self) -> [AppointmentStatusId; 2] {
                ["Scheduled", "Arrived"].map(|name| $fake(self).appointment_status(name))
            }

            fn two_types(&self) -> [AppointmentTypeId; 2] {
                ["Video visit", "Visit"].map(|name| $fake(self).appointment_type(name))
            }
        }

        impl DocumentsFixture for $name {
            fn documents(&self) -> Arc<dyn Documents> {
                Arc::clone($fake(self).client().documents())
            }

            fn transfers(&self) -> Arc<dyn Transfers> {
                Arc::clone($fake(self).client().transfers())
            }

            fn two_individuals(&self) -> [IndividualId; 2] {
                [$fake(self).add_individual(), $fake(self).add_individual()]
            }

            fn two_classes(&self) -> [DocumentClassId; 2] {
                ["Referral letter", "Report"].map(|name| $fake(self).document_class(name))
            }

            fn other_organization(&self) -> Option<OrganizationId> {
                Some($fake(self).add_organization())
            }

            fn filter_by_name(&self) -> Option<&str> {
                Some("name")
            }
        }
    };
}

impl_fixtures! { FakeCarium, |fake| fake }
#[cfg(feature = "sandbox")]
impl_fixtures! { crate::Sandbox, crate::Sandbox::fake }
