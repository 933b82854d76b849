//! Appointments.

use carium::DateTime;
use carium::appointments::{
    AppointmentStatusId, AppointmentTypeId, IndividualId, NewAppointment, NewAppointmentBuilder,
    OrganizationId, PractitionerId,
};
use proptest::option;
use proptest::prelude::*;

use super::built;
use super::ids::id;
use super::invalid::{Invalid, Ways};
use super::text::text;
use super::times::{later, start_and_end, with_fraction};
use super::web::{no_url, url_of_another_scheme, web_url};

/// An appointment that can be booked: with a video channel of the platform, with URLs of one's own, or in a room.
pub fn new_appointment() -> impl Strategy<Value = NewAppointment> + Clone {
    new_appointment_builder().prop_map(|builder| built(builder.build()))
}

/// What [`new_appointment`] is built of, for those who put something of their own in.
pub fn new_appointment_builder() -> impl Strategy<Value = NewAppointmentBuilder> + Clone {
    parts().prop_map(Parts::into_builder).boxed()
}

/// An appointment that is described wrongly in one way. [`NewAppointmentBuilder::build`] names that field and
/// no other. The two times can be given together only, so their being left out is not among the ways: those are
/// two fields.
///
/// | field | ways |
/// | --- | --- |
/// | `organization-id`, `individual-id`, `practitioner-id`, `status-id`, `type-id` | missing |
/// | `start-time` | with a fraction of a second |
/// | `end-time` | with a fraction of a second; before the start; at the start |
/// | `guest-url`, `host-url` | beside a video channel; no URL; of another scheme |
pub fn invalid_appointment() -> impl Strategy<Value = Invalid<NewAppointmentBuilder>> + Clone {
    urls(times(ids(Ways::of(parts())))).any().prop_map(|invalid| invalid.map(Parts::into_builder)).boxed()
}

fn ids(ways: Ways<Parts>) -> Ways<Parts> {
    ways.by("organization-id", "missing", |parts| Parts { organization: None, ..parts })
        .by("individual-id", "missing", |parts| Parts { patient: None, ..parts })
        .by("practitioner-id", "missing", |parts| Parts { practitioner: None, ..parts })
        .by("status-id", "missing", |parts| Parts { status: None, ..parts })
        .by("type-id", "missing", |parts| Parts { kind: None, ..parts })
}

fn times(ways: Ways<Parts>) -> Ways<Parts> {
    ways.with("start-time", "with a fraction of a second", 1_i64..1_000, |parts, milliseconds| Parts {
        // The end is a second later at least, and so still after it.
        start: with_fraction(parts.start, milliseconds),
        ..parts
    })
    .with("end-time", "with a fraction of a second", 1_i64..1_000, |parts, milliseconds| Parts {
        end: with_fraction(parts.end, milliseconds),
        ..parts
    })
    .with("end-time", "before the start", 1_i64..=86_400, |parts, seconds| Parts {
        end: later(parts.start, -seconds),
        ..parts
    })
    .by("end-time", "at the start", |parts| Parts { end: parts.start, ..parts })
}

fn urls(mut ways: Ways<Parts>) -> Ways<Parts> {
    type Set = fn(Parts, String) -> Parts;
    let fields: [(&'static str, Set); 2] = [
        ("guest-url", |parts, url| Parts { guest_url: Some(url), ..parts }),
        ("host-url", |parts, url| Parts { host_url: Some(url), ..parts }),
    ];
    for (field, set) in fields {
        // The other one goes: beside a channel it would be wrong as well.
        let beside = move |parts, url| {
            set(Parts { with_video_channel: true, guest_url: None, host_url: None, ..parts }, url)
        };
        let without = move |parts, url| set(Parts { with_video_channel: false, ..parts }, url);
        ways = ways
            .with(field, "beside a video channel", web_url(), beside)
            .with(field, "no URL", no_url(), without)
            .with(field, "of another scheme", url_of_another_scheme(), without);
    }
    ways
}

/// What a builder can be given, to be changed before it is.
#[derive(Clone, Debug)]
struct Parts {
    organization: Option<OrganizationId>,
    patient: Option<IndividualId>,
    practitioner: Option<PractitionerId>,
    status: Option<AppointmentStatusId>,
    kind: Option<AppointmentTypeId>,
    start: DateTime,
    end: DateTime,
    with_video_channel: bool,
    guest_url: Option<String>,
    host_url: Option<String>,
    description: Option<String>,
    patient_instruction: Option<String>,
    location: Option<String>,
}

fn parts() -> impl Strategy<Value = Parts> + Clone {
    let call = prop_oneof![
        3 => (Just(false), option::of(web_url()), option::of(web_url())),
        1 => Just((true, None, None)),
    ];
    let texts = (option::of(text()), option::of(text()), option::of(text()));
    ((id(), id(), id(), id(), id()), start_and_end(), call, texts)
        .prop_map(|(ids, (start, end), call, (description, patient_instruction, location))| {
            let (organization, patient, practitioner, status, kind) = ids;
            let (with_video_channel, guest_url, host_url) = call;
            Parts {
                organization: Some(organization),
                patient: Some(patient),
                practitioner: Some(practitioner),
                status: Some(status),
                kind: Some(kind),
                start,
                end,
                with_video_channel,
                guest_url,
                host_url,
                description,
                patient_instruction,
                location,
            }
        })
        .boxed()
}

impl Parts {
    fn into_builder(self) -> NewAppointmentBuilder {
        type Set = fn(NewAppointmentBuilder, String) -> NewAppointmentBuilder;
        let texts: [(Set, Option<String>); 5] = [
            (NewAppointmentBuilder::guest_url, self.guest_url),
            (NewAppointmentBuilder::host_url, self.host_url),
            (NewAppointmentBuilder::description, self.description),
            (NewAppointmentBuilder::patient_instruction, self.patient_instruction),
            (NewAppointmentBuilder::location, self.location),
        ];
        let mut builder = NewAppointment::builder().between(self.start, self.end);
        for (set, text) in texts {
            if let Some(text) = text {
                builder = set(builder, text);
            }
        }
        if self.with_video_channel {
            builder = builder.add_video_channel();
        }
        if let Some(organization) = self.organization {
            builder = builder.organization(organization);
        }
        if let Some(patient) = self.patient {
            builder = builder.patient(patient);
        }
        if let Some(practitioner) = self.practitioner {
            builder = builder.practitioner(practitioner);
        }
        if let Some(status) = self.status {
            builder = builder.status(status);
        }
        if let Some(kind) = self.kind {
            builder = builder.appointment_type(kind);
        }
        builder
    }
}
