//! Rules of the fake for requests that the client would reject before sending them. They are not part of the contract
//! tests, so these tests send them with the generated API client.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use carium::api::{ClientCaredbExt as _, types};
use carium::appointments::{AppointmentUpdate, NewAppointment};
use carium::{Appointments as _, ErrorKind};
use carium_mock::FakeCarium;

fn appointment(fake: &FakeCarium) -> NewAppointment {
    let time = |text: &str| text.parse().unwrap();
    let appointment = fake.client().new_appointment().patient(fake.add_individual());
    appointment
        .practitioner(fake.practitioner("Dr. Quill"))
        .status(fake.appointment_status("Scheduled"))
        .appointment_type(fake.appointment_type("Video visit"))
        .between(time("2030-01-01T09:00:00Z"), time("2030-01-01T09:30:00Z"))
        .guest_url("https://example.com/guest")
        .build()
        .unwrap()
}

/// Sends the attributes without the checks of the client and returns the status of the response.
async fn status_of_create(fake: &FakeCarium, attributes: types::NewAppointment) -> u16 {
    let data = types::required::CreateAppointmentData { attributes }.into();
    let body = types::required::CreateAppointmentRequest { data };
    let call = fake.client().api().create_appointment().body(body);
    let _ = call.send().await;
    fake.calls().last().unwrap().status.unwrap()
}

#[tokio::test]
async fn appointment_must_end_after_it_starts() {
    let fake = FakeCarium::new();
    let valid = appointment(&fake).attributes().clone();
    assert_eq!(status_of_create(&fake, valid.clone()).await, 201);
    let mut backwards = valid.clone();
    (backwards.start_time, backwards.end_time) = (valid.end_time, valid.start_time);
    assert_eq!(status_of_create(&fake, backwards).await, 422);
    let mut empty = valid;
    empty.end_time = empty.start_time;
    assert_eq!(status_of_create(&fake, empty).await, 422);
    assert_eq!(fake.appointments().len(), 1);
}

#[tokio::test]
async fn video_channel_cannot_be_combined_with_urls() {
    let fake = FakeCarium::new();
    let valid = appointment(&fake);
    let mut both = valid.attributes().clone();
    both.add_video_channel = true;
    assert_eq!(status_of_create(&fake, both).await, 422);
    // The client allows each of the two steps, because it checks only one request at a time.
    let id = fake.create(valid).await.unwrap();
    let channel = AppointmentUpdate::default().video_channel(true);
    let error = fake.update(id, channel).await.unwrap_err();
    assert_eq!((error.kind(), error.problems()[0].field()), (ErrorKind::Rejected, Some("guest-url")));
    assert_eq!(fake.get(id).await.unwrap().has_video_channel, Some(false));
}
