//! The lookups that an appointment refers to: practitioners, statuses and types.

use carium_api::types::{
    AppointmentStatusId, AppointmentStatusList, AppointmentTypeId, AppointmentTypeList, PractitionerId,
    PractitionerList,
};

use crate::lookups::lookup_type;

lookup_type! {
    /// A practitioner with whom appointments can be booked.
    ///
    /// `Debug` does not show the name, because it is a person's name.
    Practitioner, PractitionerId, PractitionerList, false
}
lookup_type! {
    /// A status that an appointment can have.
    AppointmentStatus, AppointmentStatusId, AppointmentStatusList, true
}
lookup_type! {
    /// A type that an appointment can have.
    AppointmentType, AppointmentTypeId, AppointmentTypeList, true
}
