//! Rules of the fake that are none of the contract's: what the client refuses before it is sent, sent all the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium::api::{ClientCaredbExt as _, types};
use carium::appointments::{AppointmentUpdate, NewAppointment};
use carium::{Appointments as _, ErrorKind};
use carium_mock::FakeCarium;

fn appointment(fake: &FakeCarium) -> NewAppointment {
    let time = |text: &str| text.parse().unwrap();
    let appointment = fake.client().new_appointment().patient(fake.new_individual());
    appointment
        .practitioner(fake.practitioner("Dr. Quill"))
        .status(fake.appointment_status("Scheduled"))
        .appointment_type(fake.appointment_type("Video visit"))
        .between(time("2030-01-01T09:00:00Z"), time("2030-01-01T09:30:00Z"))
        .guest_url("https://example.com/guest")
        .build()
        .unwrap()
}

/// The status of sending this as it is.
async fn sent(fake: &FakeCarium, attributes: types::NewAppointment) -> u16 {
    let data = types::required::CreateAppointmentData { attributes }.into();
    let body = types::required::CreateAppointmentRequest { data };
    let call = fake.client().api().create_appointment().body(body);
    let _ = call.send().await;
    fake.calls().last().unwrap().status.unwrap()
}

#[tokio::test]
async fn an_appointment_ends_after_it_starts() {
    let fake = FakeCarium::new();
    let good = appointment(&fake).attributes().clone();
    assert_eq!(sent(&fake, good.clone()).await, 201);
    let mut backwards = good.clone();
    (backwards.start_time, backwards.end_time) = (good.end_time, good.start_time);
    assert_eq!(sent(&fake, backwards).await, 422);
    let mut empty = good;
    empty.end_time = empty.start_time;
    assert_eq!(sent(&fake, empty).await, 422);
    assert_eq!(fake.appointments().len(), 1);
}

#[tokio::test]
async fn a_channel_of_the_platform_and_urls_exclude_each_other() {
    let fake = FakeCarium::new();
    let good = appointment(&fake);
    let mut both = good.attributes().clone();
    both.add_video_channel = true;
    assert_eq!(sent(&fake, both).await, 422);
    // In two steps each of them is one that the client sends.
    let id = fake.create(good).await.unwrap();
    let channel = AppointmentUpdate::default().video_channel(true);
    let error = fake.update(id, channel).await.unwrap_err();
    assert_eq!((error.kind(), error.problems()[0].field()), (ErrorKind::Rejected, Some("guest-url")));
    assert_eq!(fake.get(id).await.unwrap().has_video_channel, Some(false));
}
