//! What an appointment draws on: practitioners, statuses, types.

use std::fmt;

use carium_api::Attribute;
use carium_api::types::{
    self, AppointmentStatusId, AppointmentStatusList, AppointmentTypeId, AppointmentTypeList, PractitionerId,
    PractitionerList,
};

use crate::page::Paged;

/// Something with an id and a name that an appointment draws on.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $id:ty, $list:ty, $shows_name:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            /// Its id.
            pub id: $id,
            /// Its name, where the service says it.
            pub name: Option<String>,
        }

        impl $name {
            /// One with this id and name.
            pub fn new(id: $id, name: impl Into<String>) -> Self {
                Self { id, name: Some(name.into()) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                shown.field("id", &self.id);
                if $shows_name {
                    shown.field("name", &self.name);
                }
                shown.finish_non_exhaustive()
            }
        }

        impl Paged for $list {
            type Item = $name;

            fn into_parts(self) -> (Vec<$name>, Attribute<types::PageLinks>) {
                let item = |item: types::$name| {
                    let name = item.attributes.into_known().and_then(|said| said.name.into_known());
                    $name { id: item.id, name }
                };
                (self.data.into_iter().map(item).collect(), self.links)
            }
        }
    };
}

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
