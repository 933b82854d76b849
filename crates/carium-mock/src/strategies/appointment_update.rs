//! Changes to appointments.

use carium::Change;
use carium::appointments::{AppointmentStatusId, AppointmentTypeId, AppointmentUpdate, PractitionerId};
use proptest::option;
use proptest::prelude::*;

use super::ids::id;
use super::invalid::{Invalid, Ways};
use super::text::text;
use super::times::{later, start_and_end, with_fraction};
use super::web::{no_url, url_of_another_scheme, web_url};

/// A change to an appointment that can be sent: to one of its properties or to several, some of which it clears.
pub fn appointment_update() -> impl Strategy<Value = AppointmentUpdate> + Clone {
    let texts = (change(text()), change(text()), change(text()));
    let ids = (
        option::weighted(0.3, id::<PractitionerId>()),
        option::weighted(0.3, id::<AppointmentStatusId>()),
        option::weighted(0.3, id::<AppointmentTypeId>()),
    );
    // Beside a channel there are no URLs, but those that were there may be cleared.
    let urls = (change(web_url()), change(web_url()));
    let cleared = (change_without_value(), change_without_value());
    let call = prop_oneof![
        6 => (Just(None), urls.clone()),
        1 => (Just(Some(false)), urls),
        1 => (Just(Some(true)), cleared),
    ];
    (option::weighted(0.4, start_and_end()), ids, call, texts)
        .prop_map(|(times, (practitioner, status, kind), (channel, (guest, host)), texts)| {
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
            if let Some(kind) = kind {
                update = update.appointment_type(kind);
            }
            if let Some(attach) = channel {
                update = update.video_channel(attach);
            }
            update
        })
        .prop_filter("changes nothing", |update| *update != AppointmentUpdate::default())
        .boxed()
}

/// A change that is wrong in one way. [`AppointmentUpdate::check`] names that field and no other. One that
/// changes nothing is not among them: it is wrong as a whole and in no field, and there is only one,
/// [`AppointmentUpdate::default`].
///
/// | field | ways |
/// | --- | --- |
/// | `start-time` | with a fraction of a second |
/// | `end-time` | with a fraction of a second; before the start; at the start |
/// | `guest-url`, `host-url` | beside a video channel; no URL; of another scheme |
pub fn invalid_appointment_update() -> impl Strategy<Value = Invalid<AppointmentUpdate>> + Clone {
    urls(times(Ways::of(appointment_update()))).any().boxed()
}

fn times(ways: Ways<AppointmentUpdate>) -> Ways<AppointmentUpdate> {
    let fraction = || (start_and_end(), 1_i64..1_000);
    ways.with("start-time", "with a fraction of a second", fraction(), |update, ((start, end), part)| {
        update.between(with_fraction(start, part), end)
    })
    .with("end-time", "with a fraction of a second", fraction(), |update, ((start, end), part)| {
        update.between(start, with_fraction(end, part))
    })
    .with(
        "end-time",
        "before the start",
        (start_and_end(), 1_i64..=86_400),
        |update, ((start, _), seconds)| update.between(start, later(start, -seconds)),
    )
    .with("end-time", "at the start", start_and_end(), |update, (start, _)| update.between(start, start))
}

fn urls(mut ways: Ways<AppointmentUpdate>) -> Ways<AppointmentUpdate> {
    type Set = fn(AppointmentUpdate, String) -> AppointmentUpdate;
    let fields: [(&'static str, Set); 2] =
        [("guest-url", AppointmentUpdate::guest_url), ("host-url", AppointmentUpdate::host_url)];
    for (field, set) in fields {
        // The other one goes: beside a channel it would be wrong as well.
        let beside = move |update: AppointmentUpdate, url| {
            set(update.video_channel(true).guest_url(Change::Keep).host_url(Change::Keep), url)
        };
        let without = move |update: AppointmentUpdate, url| set(update.video_channel(false), url);
        ways = ways
            .with(field, "beside a video channel", web_url(), beside)
            .with(field, "no URL", no_url(), without)
            .with(field, "of another scheme", url_of_another_scheme(), without);
    }
    ways
}

/// Mostly no change, as those who change one thing leave the others.
fn change(value: impl Strategy<Value = String> + Clone + 'static) -> BoxedStrategy<Change<String>> {
    prop_oneof![6 => Just(Change::Keep), 1 => Just(Change::Clear), 2 => value.prop_map(Change::Set)].boxed()
}

fn change_without_value() -> impl Strategy<Value = Change<String>> + Clone {
    prop::sample::select(vec![Change::Keep, Change::Clear])
}
