//! The traits through which a test case gets the implementation under test and the data that it needs, and their
//! implementations for the fake and the sandbox.

use std::sync::Arc;

use carium::appointments::{AppointmentStatusId, AppointmentTypeId, PractitionerId};
use carium::documents::DocumentClassId;
use carium::invitations::NotificationChannel;
use carium::patients::{IndividualGroupId, IndividualId, OrganizationId};
use carium::{Appointments, Documents, Invitations, Organizations, Patients, Transfers};

use crate::fake::FakeCarium;

/// The environment of a test case.
///
/// A test case may call each method several times. Methods that return IDs may return the same IDs each time or new
/// ones. Methods that return an implementation must return clones of one `Arc` if the implementation has state. The
/// fixture owns everything that must live for the whole test case, such as a server.
pub trait Fixture: Send + Sync {
    /// Returns an existing organization: the one that lists are read from if no organization is given.
    fn organization(&self) -> OrganizationId;

    /// Returns whether rejections name the invalid field in [`Error::problems`](carium::Error::problems).
    ///
    /// The service names it in some responses only; a fake should always name it. Defaults to `true`.
    fn names_fields(&self) -> bool {
        true
    }
}

/// The fixture of the group `organizations`, which tests [`Organizations`].
pub trait OrganizationsFixture: Fixture {
    /// Returns the implementation under test.
    fn organizations(&self) -> Arc<dyn Organizations>;

    /// Returns two groups of the organization.
    fn two_groups(&self) -> [IndividualGroupId; 2];

    /// Returns another organization and one of its groups.
    ///
    /// Defaults to `None`; the test cases then do not check that the groups of organizations are separated.
    fn group_of_other_organization(&self) -> Option<(OrganizationId, IndividualGroupId)> {
        None
    }
}

/// The fixture of the group `patients`, which tests [`Patients`].
pub trait PatientsFixture: Fixture {
    /// Returns the implementation under test.
    fn patients(&self) -> Arc<dyn Patients>;

    /// Returns two existing groups of the organization.
    fn groups(&self) -> [IndividualGroupId; 2];
}

/// The fixture of the group `invitations`, which tests [`Invitations`].
pub trait InvitationsFixture: Fixture {
    /// Returns the implementation under test.
    fn invitations(&self) -> Arc<dyn Invitations>;

    /// Returns the username of a user who can be invited by email and by SMS.
    fn username(&self) -> String;

    /// Returns the channels of each invitation that was sent to a username so far, oldest first.
    ///
    /// Defaults to `None`, which means that sent invitations cannot be observed; the test cases then do not check
    /// them.
    fn invitations_sent_to(&self, username: &str) -> Option<Vec<Vec<NotificationChannel>>> {
        let _ = username;
        None
    }
}

/// The fixture of the group `appointments`, which tests [`Appointments`].
pub trait AppointmentsFixture: Fixture {
    /// Returns the implementation under test.
    fn appointments(&self) -> Arc<dyn Appointments>;

    /// Returns a patient who can have appointments.
    fn individual(&self) -> IndividualId;

    /// Returns two practitioners of the organization.
    fn two_practitioners(&self) -> [PractitionerId; 2];

    /// Returns two statuses that an appointment can have.
    fn two_statuses(&self) -> [AppointmentStatusId; 2];

    /// Returns two types that an appointment can have.
    fn two_types(&self) -> [AppointmentTypeId; 2];
}

/// The fixture of the groups `documents` and `transfers`, which test [`Documents`] and [`Transfers`].
///
/// The two traits are tested together because one presigns the requests that the other sends. To test an
/// implementation of only one of them, combine it with the other trait of a fake.
pub trait DocumentsFixture: Fixture {
    /// Returns the implementation that calls the service.
    fn documents(&self) -> Arc<dyn Documents>;

    /// Returns the implementation that calls the object store.
    fn transfers(&self) -> Arc<dyn Transfers>;

    /// Returns two patients who can have documents.
    fn two_individuals(&self) -> [IndividualId; 2];

    /// Returns two document classes of the organization.
    fn two_classes(&self) -> [DocumentClassId; 2];

    /// Returns a second organization in which the same patients and classes can be used.
    ///
    /// Defaults to `None`; the test cases then do not check that organizations are separated.
    fn other_organization(&self) -> Option<OrganizationId> {
        None
    }

    /// Returns the name of an extra list filter that compares the document's name, such as `name`.
    ///
    /// The vendor's page does not document which filters exist. Defaults to `None`; the test cases then do not check
    /// extra filters.
    fn filter_by_name(&self) -> Option<&str> {
        None
    }

    /// Returns whether the store supports range requests. A store without them returns the whole file.
    ///
    /// Defaults to `true`.
    fn supports_ranges(&self) -> bool {
        true
    }
}

/// The fixture of the group `cross_service`, which tests all traits together.
///
/// Implemented for every type that implements the other fixtures.
pub trait FullFixture: PatientsFixture + InvitationsFixture + AppointmentsFixture + DocumentsFixture {}

impl<T: PatientsFixture + InvitationsFixture + AppointmentsFixture + DocumentsFixture> FullFixture for T {}

const USERNAME: &str = "reachable@example.com";

/// Implements the fixtures for a type that contains a fake. The fake's client is the implementation under test.
macro_rules! impl_fixtures {
    ($name:ty, $fake:expr) => {
        impl Fixture for $name {
            fn organization(&self) -> OrganizationId {
                $fake(self).organization()
            }
        }

        impl OrganizationsFixture for $name {
            fn organizations(&self) -> Arc<dyn Organizations> {
                Arc::clone($fake(self).client().organizations())
            }

            fn two_groups(&self) -> [IndividualGroupId; 2] {
                ["Diabetes program", "New patients"].map(|name| $fake(self).add_group(name))
            }

            fn group_of_other_organization(&self) -> Option<(OrganizationId, IndividualGroupId)> {
                let other = $fake(self).add_organization("Other Clinic");
                Some((other, $fake(self).add_group_to(other, "Diabetes program")))
            }
        }

        impl PatientsFixture for $name {
            fn patients(&self) -> Arc<dyn Patients> {
                Arc::clone($fake(self).client().patients())
            }

            fn groups(&self) -> [IndividualGroupId; 2] {
                self.two_groups()
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
                Some($fake(self).add_organization("Other Clinic"))
            }

            fn filter_by_name(&self) -> Option<&str> {
                Some("name")
            }
        }
    };
}

impl_fixtures! { FakeCarium, |fake| fake }
#[cfg(feature = "sandbox")]
impl_fixtures! { crate::sandbox::Sandbox, crate::sandbox::Sandbox::fake }
