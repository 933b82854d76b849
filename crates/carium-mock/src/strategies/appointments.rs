//! Strategies for appointments and their updates.

use std::fmt::Debug;
use std::mem;

use carium::appointments::{
    AppointmentStatusId, AppointmentTypeId, AppointmentUpdate, IndividualId, NewAppointment,
    NewAppointmentBuilder, OrganizationId, PractitionerId,
};
use carium::{Change, DateTime};
use proptest::option;
use proptest::prelude::*;

use super::inputs::{Defects, Invalid, SetIfSome as _, debug, expect_valid};
use super::values::{
    add_seconds, id, malformed_url, start_and_end, text, url_with_other_scheme, web_url, with_fraction,
};
use super::visible::json;

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
    let defects = Defects::of(fields(), debug)
        .with("organization-id", "missing", |fields| fields.organization = None)
        .with("individual-id", "missing", |fields| fields.patient = None)
        .with("practitioner-id", "missing", |fields| fields.practitioner = None)
        .with("status-id", "missing", |fields| fields.status = None)
        .with("type-id", "missing", |fields| fields.appointment_type = None);
    let defects = time_defects(defects, |fields, start, end| (fields.start, fields.end) = (start, end));
    let set_channel = |fields: &mut AppointmentFields, attach| {
        fields.with_video_channel = attach;
        if attach {
            (fields.guest_url, fields.host_url) = (None, None);
        }
    };
    let defects = url_defects(defects, "guest-url", set_channel, |fields, url| fields.guest_url = Some(url));
    url_defects(defects, "host-url", set_channel, |fields, url| fields.host_url = Some(url))
        .any()
        .prop_map(|invalid| invalid.map(AppointmentFields::into_builder))
        .boxed()
}

/// Adds the defects of the start and the end, which appointments and updates have in common.
fn time_defects<T: Clone + Debug + 'static>(
    defects: Defects<T>,
    set_times: fn(&mut T, DateTime, DateTime),
) -> Defects<T> {
    let fraction = || (start_and_end(), 1_i64..1_000);
    let negative_duration = (start_and_end(), 1_i64..=86_400);
    defects
        .with_value(
            "start-time",
            "a fraction of a second",
            fraction(),
            move |input, ((start, end), millis)| {
                // The end is at least one second later, so it remains after the start.
                set_times(input, with_fraction(start, millis), end);
            },
        )
        .with_value("end-time", "a fraction of a second", fraction(), move |input, ((start, end), millis)| {
            set_times(input, start, with_fraction(end, millis));
        })
        .with_value("end-time", "before the start", negative_duration, move |input, ((start, _), seconds)| {
            set_times(input, start, add_seconds(start, -seconds));
        })
        .with_value("end-time", "equal to the start", start_and_end(), move |input, (start, _)| {
            set_times(input, start, start);
        })
}

/// Adds the defects of one URL, which appointments and updates have in common. If a video channel is attached,
/// `set_channel` has to unset both URLs, because the other URL would be a second defect.
fn url_defects<T: Clone + Debug + 'static>(
    defects: Defects<T>,
    field: &'static str,
    set_channel: fn(&mut T, bool),
    set_url: fn(&mut T, String),
) -> Defects<T> {
    let set = move |input: &mut T, attach, url| {
        set_channel(input, attach);
        set_url(input, url);
    };
    let without_channel = move |input: &mut T, url| set(input, false, url);
    defects
        .with_value(field, "set together with a video channel", web_url(), move |input, url| {
            set(input, true, url);
        })
        .with_value(field, "malformed", malformed_url(), without_channel)
        .with_value(field, "unsupported scheme", url_with_other_scheme(), without_channel)
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
        let builder = NewAppointment::builder().between(self.start, self.end);
        let builder = if self.with_video_channel { builder.add_video_channel() } else { builder };
        builder
            .set_if_some(self.organization, NewAppointmentBuilder::organization)
            .set_if_some(self.patient, NewAppointmentBuilder::patient)
            .set_if_some(self.practitioner, NewAppointmentBuilder::practitioner)
            .set_if_some(self.status, NewAppointmentBuilder::status)
            .set_if_some(self.appointment_type, NewAppointmentBuilder::appointment_type)
            .set_if_some(self.guest_url, NewAppointmentBuilder::guest_url)
            .set_if_some(self.host_url, NewAppointmentBuilder::host_url)
            .set_if_some(self.description, NewAppointmentBuilder::description)
            .set_if_some(self.patient_instruction, NewAppointmentBuilder::patient_instruction)
            .set_if_some(self.location, NewAppointmentBuilder::location)
    }
}

/// Generates valid updates of appointments, which set or clear one or several fields.
pub fn appointment_update() -> impl Strategy<Value = AppointmentUpdate> + Clone {
    let texts = (change(text()), change(text()), change(text()));
    let ids = (
        option::weighted(0.3, id::<PractitionerId>()),
        option::weighted(0.3, id::<AppointmentStatusId>()),
        option::weighted(0.3, id::<AppointmentTypeId>()),
    );
    // An update that attaches a video channel can clear URLs, but not set them.
    let urls = (change(web_url()), change(web_url()));
    let clearing = (keep_or_clear(), keep_or_clear());
    let video = prop_oneof![
        6 => (Just(None), urls.clone()),
        1 => (Just(Some(false)), urls),
        1 => (Just(Some(true)), clearing),
    ];
    (option::weighted(0.4, start_and_end()), ids, video, texts)
        .prop_map(|(times, (practitioner, status, appointment_type), (channel, (guest, host)), texts)| {
            let (description, patient_instruction, location) = texts;
            AppointmentUpdate::default()
                .guest_url(guest)
                .host_url(host)
                .description(description)
                .patient_instruction(patient_instruction)
                .location(location)
                .set_if_some(times, |update, (start, end)| update.between(start, end))
                .set_if_some(practitioner, AppointmentUpdate::practitioner)
                .set_if_some(status, AppointmentUpdate::status)
                .set_if_some(appointment_type, AppointmentUpdate::appointment_type)
                .set_if_some(channel, AppointmentUpdate::video_channel)
        })
        .prop_filter("empty update", |update| *update != AppointmentUpdate::default())
        .boxed()
}

/// Generates updates that are invalid for exactly one reason. [`AppointmentUpdate::validate`] returns an error that
/// names the field and no other.
///
/// The empty update, [`AppointmentUpdate::default`], is invalid too, but is not generated because its error names no
/// field.
///
/// | field | defects |
/// | --- | --- |
/// | `start-time` | a fraction of a second |
/// | `end-time` | a fraction of a second; before the start; equal to the start |
/// | `guest-url`, `host-url` | set together with a video channel; malformed; unsupported scheme |
pub fn invalid_appointment_update() -> impl Strategy<Value = Invalid<AppointmentUpdate>> + Clone {
    let defects = time_defects(
        Defects::of(appointment_update(), |update| json(update.attributes())),
        |update, start, end| {
            *update = mem::take(update).between(start, end);
        },
    );
    let set_channel = |update: &mut AppointmentUpdate, attach| {
        *update = mem::take(update).video_channel(attach);
        if attach {
            *update = mem::take(update).guest_url(Change::Keep).host_url(Change::Keep);
        }
    };
    let defects = url_defects(defects, "guest-url", set_channel, |update, url| {
        *update = mem::take(update).guest_url(url);
    });
    let defects = url_defects(defects, "host-url", set_channel, |update, url| {
        *update = mem::take(update).host_url(url);
    });
    defects.any().boxed()
}

/// Generates a change of one field. Most are `Keep`, because most updates change only some of the fields.
fn change(value: impl Strategy<Value = String> + Clone + 'static) -> BoxedStrategy<Change<String>> {
    prop_oneof![6 => Just(Change::Keep), 1 => Just(Change::Clear), 2 => value.prop_map(Change::Set)].boxed()
}

fn keep_or_clear() -> impl Strategy<Value = Change<String>> + Clone {
    prop::sample::select(vec![Change::Keep, Change::Clear])
}
