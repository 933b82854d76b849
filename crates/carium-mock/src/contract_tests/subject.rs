//! What is checked, and what a check must know of it.

use std::sync::Arc;

use carium::appointments::{AppointmentStatusId, AppointmentTypeId, PractitionerId};
use carium::documents::DocumentClassId;
use carium::invitations::NotificationChannel;
use carium::patients::{IndividualGroupId, IndividualId, OrganizationId};
use carium::{Appointments, Documents, Invitations, Patients, Transfers};

/// Where the checks take place.
///
/// A check asks more than once. The ids that it is given may be the same each time, or new; what is checked is one
/// thing, and where it has a state, what is given are clones of one `Arc`. A subject owns what must live as long as
/// a check does, such as a server.
pub trait Fixture: Send + Sync {
    /// An organization that is there: the one whose lists are given where none is named.
    fn organization(&self) -> OrganizationId;

    /// Whether a refusal names the field that is at fault, in [`Error::problems`](carium::Error::problems). The
    /// service does so in some answers only; a stand-in had better. Left out, it does.
    fn names_fields(&self) -> bool {
        true
    }
}

/// What is checked of [`Patients`].
pub trait PatientsFixture: Fixture {
    /// What is checked.
    fn patients(&self) -> Arc<dyn Patients>;

    /// Two groups of the organization.
    fn groups(&self) -> [IndividualGroupId; 2];
}

/// What is checked of [`Invitations`].
pub trait InvitationsFixture: Fixture {
    /// What is checked.
    fn invitations(&self) -> Arc<dyn Invitations>;

    /// The username of someone who can be invited by e-mail and by SMS.
    fn username(&self) -> String;

    /// The invitations that were sent to a username so far, oldest first: the ways in which each was. `None` where
    /// that cannot be seen, and then nothing is said of it. Left out, it cannot.
    fn invitations_sent_to(&self, username: &str) -> Option<Vec<Vec<NotificationChannel>>> {
        let _ = username;
        None
    }
}

/// What is checked of [`Appointments`].
pub trait AppointmentsFixture: Fixture {
    /// What is checked.
    fn appointments(&self) -> Arc<dyn Appointments>;

    /// Someone who can have appointments.
    fn individual(&self) -> IndividualId;

    /// Two practitioners of the organization.
    fn two_practitioners(&self) -> [PractitionerId; 2];

    /// Two statuses that an appointment can have.
    fn two_statuses(&self) -> [AppointmentStatusId; 2];

    /// Two types that an appointment can have.
    fn two_types(&self) -> [AppointmentTypeId; 2];
}

/// What is checked of [`Documents`] and [`Transfers`]. Each needs the other: what the one presigns is what the other
/// takes. Who has only one of them puts it beside the other of a stand-in.
pub trait DocumentsFixture: Fixture {
    /// The service's side.
    fn documents(&self) -> Arc<dyn Documents>;

    /// The store's side.
    fn transfers(&self) -> Arc<dyn Transfers>;

    /// Two people who can have documents.
    fn two_individuals(&self) -> [IndividualId; 2];

    /// Two classes of the organization.
    fn two_classes(&self) -> [DocumentClassId; 2];

    /// Another organization, which the same people and classes may be used in. Left out, there is none, and then
    /// nothing is said of what keeps the two apart.
    fn other_organization(&self) -> Option<OrganizationId> {
        None
    }

    /// A further filter of lists that compares a document's name, such as `name`. Which filters there are is not in
    /// the vendor's page. Left out, there is none, and nothing is said of further filters.
    fn filter_by_name(&self) -> Option<&str> {
        None
    }

    /// Whether the store gives a range where one is asked for. It may ignore ranges; then it gives the whole, and
    /// says so. Left out, it does give ranges.
    fn honours_ranges(&self) -> bool {
        true
    }
}

/// What is checked of all of them together.
pub trait FullFixture: PatientsFixture + InvitationsFixture + AppointmentsFixture + DocumentsFixture {}

impl<T: PatientsFixture + InvitationsFixture + AppointmentsFixture + DocumentsFixture> FullFixture for T {}
