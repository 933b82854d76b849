//! The data that the programs of the vendor's Examples page expect in the service.

use carium_api::DateTime;
use carium_api::types::{
    AppointmentId, AppointmentStatusId, AppointmentTypeId, DocumentClassId, IndividualGroupId, IndividualId,
    OrganizationId, PractitionerId, required,
};
use serde_json::json;
use uuid::{Uuid, uuid};

use crate::service::state::ServiceState;

/// The three IDs on the page. The page uses each of them for several kinds of resources.
const FIRST: Uuid = uuid!("aa6243fb-e4c1-44a0-ae3c-f4c4ab115002");
const SECOND: Uuid = uuid!("8d25a2a6-8219-40d1-a34f-c24ec69f4f72");
const THIRD: Uuid = uuid!("2097e072-92f6-4333-99d6-9693d63be652");

impl ServiceState {
    /// Creates a state with the data of the page. Returns it with the organization of the page's patients.
    pub(super) fn with_example_data(seed: u64) -> (Self, OrganizationId) {
        let mut state = Self::new(seed);
        let organization = OrganizationId(SECOND);
        state.organizations.insert(organization, "Example Clinic".to_owned());
        state.add_user("example@example.com");
        for (id, name) in [(FIRST, "Diabetes program"), (THIRD, "New patients")] {
            state.groups.insert(IndividualGroupId(id), (organization, name.to_owned()));
        }
        state.individuals.insert(IndividualId(FIRST));
        state.practitioners.insert(PractitionerId(THIRD), "Dr. Quill".to_owned());
        state.appointment_statuses.insert(AppointmentStatusId(SECOND), "Scheduled".to_owned());
        state.appointment_types.insert(AppointmentTypeId(FIRST), "Video visit".to_owned());
        state.document_classes.insert(DocumentClassId(FIRST), "Referral letter".to_owned());
        // A resource that the spec does not contain, to try requests to any path.
        for (id, name) in [(FIRST, "Cardiology"), (SECOND, "Diabetes care"), (THIRD, "Pediatrics")] {
            let team = json!({"name": name, "organization-id": organization});
            let teams = &mut state.resources.at("/caredb/v1/org-care-teams/").items;
            teams.insert(id.to_string(), team.as_object().cloned().unwrap_or_default());
        }
        if let (Ok(start_time), Ok(end_time)) = appointment_times() {
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
            state.appointments.insert(AppointmentId(FIRST), appointment.into());
        }
        (state, organization)
    }
}

type ParsedTime = Result<DateTime, carium_api::InvalidDateTime>;

fn appointment_times() -> (ParsedTime, ParsedTime) {
    ("2022-01-01T09:00:00Z".parse(), "2022-01-01T09:30:00Z".parse())
}
