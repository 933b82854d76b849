//! Strategies for appointments.

use carium::DateTime;
use carium::appointments::{
    AppointmentStatusId, AppointmentTypeId, IndividualId, NewAppointment, NewAppointmentBuilder,
    OrganizationId, PractitionerId,
};
use proptest::option;
use proptest::prelude::*;

use super::expect_valid;
use super::ids::id;
use super::invalid::{Defects, Invalid};
use super::text::text;
use super::times::{add_seconds, start_and_end, with_fraction};
use super::urls::{malformed_url, url_with_other_scheme, web_url};

/// Generates valid appointments: with a video channel of the platform, with guest and host URLs, or without a call.
pub fn new_appointment() -> impl Strategy<Value = NewAppointment> + Clone {
    new_appointment_builder().prop_map(|builder| expect_valid(builder.build()))
}

/// Generates builders of valid appointments, so that you can set fields yourself.
pub fn new_appointment_builder() -> impl Strategy<Value = NewAppointmentBuilder> + Clone {
    fields().prop_map(AppointmentFields::into_builder).boxed()
}

/// Generates builders of appointments that are invalid for exactly one reason. [`NewAppointmentBuilder::build`]
/// returns an error that names the field and no other.
///
/// A missing time is not among the defects: the start and the end are always set together, so both would be missing.
///
/// | field | defects |
/// | --- | --- |
/// | `organization-id`, `individual-id`, `practitioner-id`, `status-id`, `type-id` | missing |
/// | `start-time` | a fraction of a second |
/// | `end-time` | a fraction of a second; before the start; equal to the start |
/// | `guest-url`, `host-url` | set together with a video channel; malformed; unsupported scheme |
pub fn invalid_appointment() -> impl Strategy<Value = Invalid<NewAppointmentBuilder>> + Clone {
    url_defects(time_defects(id_defects(Defects::of(fields()))))
        .any()
        .prop_map(|invalid| invalid.map(AppointmentFields::into_builder))
        .boxed()
}

fn id_defects(defects: Defects<AppointmentFields>) -> Defects<AppointmentFields> {
    defects
        .with("organization-id", "missing", |fields| AppointmentFields { organization: None, ..fields })
        .with("individual-id", "missing", |fields| AppointmentFields { patient: None, ..fields })
        .with("practitioner-id", "missing", |fields| AppointmentFields { practitioner: None, ..fields })
        .with("status-id", "missing", |fields| AppointmentFields { status: None, ..fields })
        .with("type-id", "missing", |fields| AppointmentFields { appointment_type: None, ..fields })
}

fn time_defects(defects: Defects<AppointmentFields>) -> Defects<AppointmentFields> {
    defects
        .with_value("start-time", "a fraction of a second", 1_i64..1_000, |fields, milliseconds| {
            AppointmentFields {
                // The end is at least one second later, so it remains after the start.
                start: with_fraction(fields.start, milliseconds),
                ..fields
            }
        })
        .with_value("end-time", "a fraction of a second", 1_i64..1_000, |fields, milliseconds| {
            AppointmentFields { end: with_fraction(fields.end, milliseconds), ..fields }
        })
        .with_value("end-time", "before the start", 1_i64..=86_400, |fields, seconds| AppointmentFields {
            end: add_seconds(fields.start, -seconds),
            ..fields
        })
        .with("end-time", "equal to the start", |fields| AppointmentFields { end: fields.start, ..fields })
}

fn url_defects(mut defects: Defects<AppointmentFields>) -> Defects<AppointmentFields> {
    type Setter = fn(AppointmentFields, String) -> AppointmentFields;
    let setters: [(&'static str, Setter); 2] = [
        ("guest-url", |fields, url| AppointmentFields { guest_url: Some(url), ..fields }),
        ("host-url", |fields, url| AppointmentFields { host_url: Some(url), ..fields }),
    ];
    for (field, set) in setters {
        // Clears the other URL, which would be a second defect.
        let with_channel = move |fields, url| {
            set(
                AppointmentFields { with_video_channel: true, guest_url: None, host_url: None, ..fields },
                url,
            )
        };
        let without_channel =
            move |fields, url| set(AppointmentFields { with_video_channel: false, ..fields }, url);
        defects = defects
            .with_value(field, "set together with a video channel", web_url(), with_channel)
            .with_value(field, "malformed", malformed_url(), without_channel)
            .with_value(field, "unsupported scheme", url_with_other_scheme(), without_channel);
    }
    defects
}

/// The fields of a builder, which can be changed before the builder is created.
#[derive(Clone, Debug)]
struct AppointmentFields {
    organization: Option<OrganizationId>,
    patient: Option<IndividualId>,
    practitioner: Option<PractitionerId>,
    status: Option<AppointmentStatusId>,
    appointment_type: Option<AppointmentTypeId>,
    start: DateTime,
    end: DateTime,
    with_video_channel: bool,
    guest_url: Option<String>,
    host_url: Option<String>,
    description: Option<String>,
    patient_instruction: Option<String>,
    location: Option<String>,
}

fn fields() -> impl Strategy<Value = AppointmentFields> + Clone {
    let video = prop_oneof![
        3 => (Just(false), option::of(web_url()), option::of(web_url())),
        1 => Just((true, None, None)),
    ];
    let texts = (option::of(text()), option::of(text()), option::of(text()));
    ((id(), id(), id(), id(), id()), start_and_end(), video, texts)
        .prop_map(|(ids, (start, end), video, (description, patient_instruction, location))| {
            let (organization, patient, practitioner, status, appointment_type) = ids;
            let (with_video_channel, guest_url, host_url) = video;
            AppointmentFields {
                organization: Some(organization),
                patient: Some(patient),
                practitioner: Some(practitioner),
                status: Some(status),
                appointment_type: Some(appointment_type),
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

impl AppointmentFields {
    fn into_builder(self) -> NewAppointmentBuilder {
        type Setter = fn(NewAppointmentBuilder, String) -> NewAppointmentBuilder;
        let texts: [(Setter, Option<String>); 5] = [
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
        if let Some(appointment_type) = self.appointment_type {
            builder = builder.appointment_type(appointment_type);
        }
        builder
    }
}
