//! What the vendor's Examples page knows: its programs run against a service that begins with this.

use carium_api::DateTime;
use carium_api::types::{
    AppointmentId, AppointmentStatusId, AppointmentTypeId, DocumentClassId, IndividualGroupId, IndividualId,
    OrganizationId, PractitionerId, required,
};
use uuid::{Uuid, uuid};

use super::world::World;

/// The page's three ids. It uses each for several kinds of thing.
const FIRST: Uuid = uuid!("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002");
const SECOND: Uuid = uuid!("8d25a2a6-8219-40d1-a34f-c24ec69f4f72");
const THIRD: Uuid = uuid!("2097e072-92f6-4333-99d6-9693d63be652");

impl World {
    /// What the page knows, and the organization of its patients.
    pub(crate) fn of_the_page(seed: u64) -> (Self, OrganizationId) {
        let mut world = Self::new(seed);
        let organization = OrganizationId(SECOND);
        world.organizations.insert(organization);
        world.add_user("example@example.com");
        world.groups.extend([FIRST, THIRD].map(IndividualGroupId));
        world.individuals.insert(IndividualId(FIRST));
        world.practitioners.insert(PractitionerId(THIRD), "Dr. Quill".to_owned());
        world.statuses.insert(AppointmentStatusId(SECOND), "Scheduled".to_owned());
        world.kinds.insert(AppointmentTypeId(FIRST), "Video visit".to_owned());
        world.classes.insert(DocumentClassId(FIRST), "Referral letter".to_owned());
        if let (Ok(start_time), Ok(end_time)) = times() {
            let appointment = required::NewAppointment {
                add_video_channel: true,
                end_time,
                individual_id: IndividualId(FIRST),
                organization_id: organization,
                practitioner_id: PractitionerId(THIRD),
                start_time,
                status_id: AppointmentStatusId(SECOND),
                type_id: AppointmentTypeId(FIRST),
            };
            world.appointments.insert(AppointmentId(FIRST), appointment.into());
        }
        (world, organization)
    }
}

type Time = Result<DateTime, carium_api::InvalidDateTime>;

fn times() -> (Time, Time) {
    ("2022-01-01T09:00:00Z".parse(), "2022-01-01T09:30:00Z".parse())
}
