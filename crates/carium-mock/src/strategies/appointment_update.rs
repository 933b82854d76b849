//! Strategies for updates of appointments.

use carium::Change;
use carium::appointments::{AppointmentStatusId, AppointmentTypeId, AppointmentUpdate, PractitionerId};
use proptest::option;
use proptest::prelude::*;

use super::ids::id;
use super::invalid::{Defects, Invalid};
use super::text::text;
use super::times::{add_seconds, start_and_end, with_fraction};
use super::urls::{malformed_url, url_with_other_scheme, web_url};

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
            let mut update = AppointmentUpdate::default()
                .guest_url(guest)
                .host_url(host)
                .description(description)
                .patient_instruction(patient_instruction)
                .location(location);
            if let Some((start, end)) = times {
                update = update.between(start, end);
            }
            if let Some(practitioner) = practitioner {
                update = update.practitioner(practitioner);
            }
            if let Some(status) = status {
                update = update.status(status);
            }
            if let Some(appointment_type) = appointment_type {
                update = update.appointment_type(appointment_type);
            }
            if let Some(attach) = channel {
                update = update.video_channel(attach);
            }
            update
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
    url_defects(time_defects(Defects::of(appointment_update()))).any().boxed()
}

fn time_defects(defects: Defects<AppointmentUpdate>) -> Defects<AppointmentUpdate> {
    let times_and_fraction = || (start_and_end(), 1_i64..1_000);
    defects
        .with_value(
            "start-time",
            "a fraction of a second",
            times_and_fraction(),
            |update, ((start, end), milliseconds)| update.between(with_fraction(start, milliseconds), end),
        )
        .with_value(
            "end-time",
            "a fraction of a second",
            times_and_fraction(),
            |update, ((start, end), milliseconds)| update.between(start, with_fraction(end, milliseconds)),
        )
        .with_value(
            "end-time",
            "before the start",
            (start_and_end(), 1_i64..=86_400),
            |update, ((start, _), seconds)| update.between(start, add_seconds(start, -seconds)),
        )
        .with_value("end-time", "equal to the start", start_and_end(), |update, (start, _)| {
            update.between(start, start)
        })
}

fn url_defects(mut defects: Defects<AppointmentUpdate>) -> Defects<AppointmentUpdate> {
    type Setter = fn(AppointmentUpdate, String) -> AppointmentUpdate;
    let setters: [(&'static str, Setter); 2] =
        [("guest-url", AppointmentUpdate::guest_url), ("host-url", AppointmentUpdate::host_url)];
    for (field, set) in setters {
        // Keeps the other URL, because setting it would be a second defect.
        let with_channel = move |update: AppointmentUpdate, url| {
            set(update.video_channel(true).guest_url(Change::Keep).host_url(Change::Keep), url)
        };
        let without_channel = move |update: AppointmentUpdate, url| set(update.video_channel(false), url);
        defects = defects
            .with_value(field, "set together with a video channel", web_url(), with_channel)
            .with_value(field, "malformed", malformed_url(), without_channel)
            .with_value(field, "unsupported scheme", url_with_other_scheme(), without_channel);
    }
    defects
}

/// Generates a change of one field. Most are `Keep`, because most updates change only some of the fields.
fn change(value: impl Strategy<Value = String> + Clone + 'static) -> BoxedStrategy<Change<String>> {
    prop_oneof![6 => Just(Change::Keep), 1 => Just(Change::Clear), 2 => value.prop_map(Change::Set)].boxed()
}

fn keep_or_clear() -> impl Strategy<Value = Change<String>> + Clone {
    prop::sample::select(vec![Change::Keep, Change::Clear])
}
