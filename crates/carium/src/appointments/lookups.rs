//! What an appointment draws on: practitioners, statuses, types.

use carium_api::types::{
    AppointmentStatusId, AppointmentStatusList, AppointmentTypeId, AppointmentTypeList, PractitionerId,
    PractitionerList,
};

use crate::lookups::named;

named! {
    /// Someone with whom an appointment can be booked. `Debug` does not show the name, which is a person's.
    Practitioner, PractitionerId, PractitionerList, false
}
named! {
    /// A status that an appointment can have.
    AppointmentStatus, AppointmentStatusId, AppointmentStatusList, true
}
named! {
    /// A type that an appointment can have.
    AppointmentType, AppointmentTypeId, AppointmentTypeList, true
}
