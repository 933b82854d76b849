//! What [`Appointments`](carium::Appointments) promises.

use carium::appointments::{
    Appointment, AppointmentId, AppointmentUpdate, NewAppointment, NewAppointmentBuilder,
};
use carium::{Change, DateTime, Error, ErrorKind};
use futures_util::future::join_all;

use super::AppointmentsFixture;
use super::finding::{Outcome, REFUSALS, distinct, done, holds, refused, refused_for, same};
use super::inputs::{unknown, word};
use super::lists::{begins_and_ends_as_told, is_whole};

type Subject<'a> = &'a dyn AppointmentsFixture;

const MANY: usize = 16;

fn time(text: &str) -> Outcome<DateTime> {
    let wrong = |_| Error::new(ErrorKind::InvalidInput, "the time cannot be read");
    done("reading a time", text.parse().map_err(wrong))
}

/// An appointment without anything that can be left out.
fn plain(subject: Subject<'_>) -> Outcome<NewAppointmentBuilder> {
    let [practitioner, _] = subject.two_practitioners();
    let [status, _] = subject.two_statuses();
    let [kind, _] = subject.two_types();
    let appointment = NewAppointment::builder()
        .organization(subject.organization())
        .patient(subject.individual())
        .practitioner(practitioner)
        .status(status)
        .appointment_type(kind);
    Ok(appointment.between(time("2030-01-01T09:00:00Z")?, time("2030-01-01T09:30:00Z")?))
}

/// One with all of it.
fn full(subject: Subject<'_>) -> Outcome<NewAppointmentBuilder> {
    Ok(plain(subject)?
        .guest_url("https://example.com/guest?room=4&from=mail#now")
        .host_url("https://example.com/host")
        .description(word())
        .patient_instruction("Please reschedule at https://example.com/reschedule\nor call.")
        .location("Room 4, \"Überlingen\""))
}

fn built(appointment: NewAppointmentBuilder) -> Outcome<NewAppointment> {
    done("describing an appointment", appointment.build())
}

async fn book(
    subject: Subject<'_>,
    appointment: NewAppointmentBuilder,
) -> Outcome<Result<AppointmentId, Error>> {
    Ok(subject.appointments().create(built(appointment)?).await)
}

async fn booked(subject: Subject<'_>, appointment: NewAppointmentBuilder) -> Outcome<AppointmentId> {
    done("booking an appointment", book(subject, appointment).await?)
}

async fn read(subject: Subject<'_>, id: AppointmentId) -> Outcome<Appointment> {
    done("reading an appointment", subject.appointments().get(id).await)
}

async fn updated(subject: Subject<'_>, id: AppointmentId, update: AppointmentUpdate) -> Outcome<Appointment> {
    done("changing an appointment", subject.appointments().update(id, update).await)
}

/// What an appointment is expected to be: as it was booked.
fn as_booked(id: AppointmentId, appointment: &NewAppointment) -> Appointment {
    let given = appointment.attributes();
    let mut expected = Appointment::from_id(id);
    expected.organization = Some(given.organization_id);
    expected.patient = Some(given.individual_id);
    expected.practitioner = Some(given.practitioner_id);
    expected.status = Some(given.status_id);
    expected.appointment_type = Some(given.type_id);
    (expected.start, expected.end) = (Some(given.start_time), Some(given.end_time));
    expected.has_video_channel = Some(given.add_video_channel);
    expected.guest_url.clone_from(&given.guest_url);
    expected.host_url.clone_from(&given.host_url);
    expected.description.clone_from(&given.description);
    expected.patient_instruction.clone_from(&given.patient_instruction);
    expected.location.clone_from(&given.location);
    expected
}

/// Field by field, so that a finding names the fields.
fn is_as(at: &str, came: &Appointment, expected: &Appointment) -> Outcome {
    same(format!("the id of {at}"), &came.id, &expected.id)?;
    let fields = [
        ("organization-id", came.organization == expected.organization),
        ("individual-id", came.patient == expected.patient),
        ("practitioner-id", came.practitioner == expected.practitioner),
        ("status-id", came.status == expected.status),
        ("type-id", came.appointment_type == expected.appointment_type),
        ("start-time", came.start == expected.start),
        ("end-time", came.end == expected.end),
        ("add-video-channel", came.has_video_channel == expected.has_video_channel),
        ("guest-url", came.guest_url == expected.guest_url),
        ("host-url", came.host_url == expected.host_url),
        ("description", came.description == expected.description),
        ("patient-instruction", came.patient_instruction == expected.patient_instruction),
        ("location", came.location == expected.location),
    ];
    let others: Vec<_> = fields.iter().filter(|(_, is_same)| !is_same).map(|(name, _)| *name).collect();
    holds(others.is_empty(), at, "the fields that it was given", format!("others in {others:?}"))
}

/// Books it, and reads it as it was booked.
async fn is_kept(subject: Subject<'_>, appointment: NewAppointmentBuilder) -> Outcome<Appointment> {
    let appointment = built(appointment)?;
    let result = subject.appointments().create(appointment.clone()).await;
    let id = done("booking an appointment", result)?;
    let expected = as_booked(id, &appointment);
    is_as("an appointment that was booked", &read(subject, id).await?, &expected)?;
    Ok(expected)
}

pub(super) async fn each_appointment_has_an_id_of_its_own(subject: Subject<'_>) -> Outcome {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(booked(subject, plain(subject)?).await?);
    }
    distinct("the ids of three appointments", &ids)
}

pub(super) async fn what_was_booked_is_read(subject: Subject<'_>) -> Outcome {
    is_kept(subject, plain(subject)?).await?;
    is_kept(subject, full(subject)?).await.map(drop)
}

pub(super) async fn urls_are_kept_without_a_channel(subject: Subject<'_>) -> Outcome {
    is_kept(subject, plain(subject)?.guest_url("https://example.com/guest")).await?;
    is_kept(subject, plain(subject)?.host_url("https://example.com/host")).await?;
    let both = plain(subject)?.guest_url("https://example.com/guest").host_url("https://example.com/host");
    is_kept(subject, both).await.map(drop)
}

pub(super) async fn a_channel_is_attached(subject: Subject<'_>) -> Outcome {
    for (appointment, expected) in [(plain(subject)?.add_video_channel(), true), (plain(subject)?, false)] {
        let id = booked(subject, appointment).await?;
        let came = read(subject, id).await?.has_video_channel;
        same("whether an appointment has a video channel", &came, &Some(expected))?;
    }
    Ok(())
}

pub(super) async fn any_time_can_be_booked(subject: Subject<'_>) -> Outcome {
    for (start, end) in [
        ("1999-12-31T23:59:59Z", "2000-01-01T00:00:00Z"),
        ("2022-01-01T09:00:00Z", "2022-01-01T09:30:00Z"),
        ("2028-02-29T00:00:00Z", "2028-02-29T23:59:59Z"),
        ("2030-06-01T09:00:00+02:00", "2030-06-01T09:30:00+02:00"),
        ("2030-06-01T22:00:00-07:00", "2030-06-01T23:00:00-07:00"),
        ("2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z"),
    ] {
        is_kept(subject, plain(subject)?.between(time(start)?, time(end)?)).await?;
    }
    Ok(())
}

async fn must_be_there(subject: Subject<'_>, field: &str, appointment: NewAppointmentBuilder) -> Outcome {
    let result = book(subject, appointment).await?;
    refused_for(subject, field, "booking an appointment with an id that is of nothing", result, &REFUSALS)
}

pub(super) async fn an_organization_must_be_there(subject: Subject<'_>) -> Outcome {
    must_be_there(subject, "organization-id", plain(subject)?.organization(unknown())).await
}

pub(super) async fn a_patient_must_be_there(subject: Subject<'_>) -> Outcome {
    must_be_there(subject, "individual-id", plain(subject)?.patient(unknown())).await
}

pub(super) async fn a_practitioner_must_be_there(subject: Subject<'_>) -> Outcome {
    must_be_there(subject, "practitioner-id", plain(subject)?.practitioner(unknown())).await
}

pub(super) async fn a_status_must_be_there(subject: Subject<'_>) -> Outcome {
    must_be_there(subject, "status-id", plain(subject)?.status(unknown())).await
}

pub(super) async fn a_type_must_be_there(subject: Subject<'_>) -> Outcome {
    must_be_there(subject, "type-id", plain(subject)?.appointment_type(unknown())).await
}

/// An update, and what becomes of an appointment by it.
struct Step {
    update: AppointmentUpdate,
    becomes: Box<dyn FnOnce(&mut Appointment) + Send>,
}

fn step(update: AppointmentUpdate, becomes: impl FnOnce(&mut Appointment) + Send + 'static) -> Step {
    Step { update, becomes: Box::new(becomes) }
}

/// An update of each field that can be set.
fn sets(subject: Subject<'_>) -> Outcome<Vec<Step>> {
    let update = AppointmentUpdate::default;
    let (start, end) = moved_to()?;
    let [_, practitioner] = subject.two_practitioners();
    let [_, status] = subject.two_statuses();
    let [_, kind] = subject.two_types();
    let text = |text: &str| Some(text.to_owned());
    let (guest, host) = ("https://example.com/g2", "https://example.com/h2");
    Ok(vec![
        step(update().between(start, end), move |it| (it.start, it.end) = (Some(start), Some(end))),
        step(update().practitioner(practitioner), move |it| it.practitioner = Some(practitioner)),
        step(update().status(status), move |it| it.status = Some(status)),
        step(update().appointment_type(kind), move |it| it.appointment_type = Some(kind)),
        step(update().guest_url(guest), move |it| it.guest_url = text(guest)),
        step(update().host_url(host), move |it| it.host_url = text(host)),
        step(update().description("Another"), move |it| it.description = text("Another")),
        step(update().patient_instruction("Call us"), move |it| it.patient_instruction = text("Call us")),
        step(update().location("Room 5"), move |it| it.location = text("Room 5")),
    ])
}

fn moved_to() -> Outcome<(DateTime, DateTime)> {
    Ok((time("2031-05-05T10:00:00Z")?, time("2031-05-05T10:45:00Z")?))
}

/// An update of each field that can be cleared.
fn clears() -> Vec<Step> {
    let update = AppointmentUpdate::default;
    vec![
        step(update().guest_url(Change::Clear), |it| it.guest_url = None),
        step(update().host_url(Change::Clear), |it| it.host_url = None),
        step(update().description(Change::Clear), |it| it.description = None),
        step(update().patient_instruction(Change::Clear), |it| it.patient_instruction = None),
        step(update().location(Change::Clear), |it| it.location = None),
    ]
}

/// Each step changes what it says, and leaves the rest: in its answer and afterwards.
async fn change_just_that(subject: Subject<'_>, steps: Vec<Step>) -> Outcome {
    let appointment = built(full(subject)?)?;
    let id = done("booking", subject.appointments().create(appointment.clone()).await)?;
    let bystander = is_kept(subject, full(subject)?).await?;
    let mut expected = as_booked(id, &appointment);
    for Step { update, becomes } in steps {
        becomes(&mut expected);
        is_as("the answer to an update", &updated(subject, id, update).await?, &expected)?;
        is_as("an appointment after an update", &read(subject, id).await?, &expected)?;
    }
    is_as("an appointment beside one that was updated", &read(subject, bystander.id).await?, &bystander)
}

pub(super) async fn an_update_changes_only_what_it_gives(subject: Subject<'_>) -> Outcome {
    change_just_that(subject, sets(subject)?).await
}

pub(super) async fn an_update_clears_what_it_clears(subject: Subject<'_>) -> Outcome {
    change_just_that(subject, clears()).await
}

pub(super) async fn an_update_is_lasting(subject: Subject<'_>) -> Outcome {
    let id = booked(subject, plain(subject)?).await?;
    updated(subject, id, AppointmentUpdate::default().location("Room 5")).await?;
    let channel = AppointmentUpdate::default().video_channel(true);
    same("a channel that is attached", &updated(subject, id, channel).await?.has_video_channel, &Some(true))?;
    let after = read(subject, id).await?;
    same("whether a channel stays attached", &after.has_video_channel, &Some(true))?;
    holds(
        after.location.as_deref() == Some("Room 5"),
        "the location after two updates",
        "the new one",
        "another",
    )?;
    let without = AppointmentUpdate::default().video_channel(false);
    let came = updated(subject, id, without).await?.has_video_channel;
    same("a channel that is done without", &came, &Some(false))
}

pub(super) async fn an_update_changes_several_fields(subject: Subject<'_>) -> Outcome {
    let mut expected = is_kept(subject, full(subject)?).await?;
    let (start, end) = moved_to()?;
    let [_, status] = subject.two_statuses();
    let update = AppointmentUpdate::default()
        .between(start, end)
        .status(status)
        .location(Change::Clear)
        .description("Another");
    (expected.start, expected.end) = (Some(start), Some(end));
    expected.status = Some(status);
    expected.location = None;
    expected.description = Some("Another".to_owned());
    let id = expected.id;
    is_as("the answer to an update of several fields", &updated(subject, id, update).await?, &expected)?;
    is_as("an appointment after an update of several fields", &read(subject, id).await?, &expected)
}

/// An update that is refused, and after which all is as it was.
async fn is_refused(
    subject: Subject<'_>,
    field: Option<&str>,
    update: AppointmentUpdate,
    kinds: &[ErrorKind],
) -> Outcome {
    let before = is_kept(subject, full(subject)?).await?;
    let result = subject.appointments().update(before.id, update).await;
    let at = "an update that cannot be done";
    match field {
        Some(field) => refused_for(subject, field, at, result, kinds)?,
        None => refused(at, result, kinds).map(drop)?,
    }
    is_as(
        "an appointment after an update that was rejected by the service",
        &read(subject, before.id).await?,
        &before,
    )
}

pub(super) async fn an_update_of_nothing_is_refused(subject: Subject<'_>) -> Outcome {
    is_refused(subject, None, AppointmentUpdate::default(), &[ErrorKind::InvalidInput]).await
}

pub(super) async fn an_update_gives_no_urls_with_a_channel(subject: Subject<'_>) -> Outcome {
    let channel = || AppointmentUpdate::default().video_channel(true).location("Room 5");
    let guest = channel().guest_url("https://example.com/guest");
    is_refused(subject, Some("guest-url"), guest, &[ErrorKind::InvalidInput]).await?;
    let host = channel().host_url("https://example.com/host");
    is_refused(subject, Some("host-url"), host, &[ErrorKind::InvalidInput]).await
}

pub(super) async fn an_update_refers_to_what_is_there(subject: Subject<'_>) -> Outcome {
    // What is good in it is not done either.
    let update = || AppointmentUpdate::default().location("Room 5").description(Change::Clear);
    is_refused(subject, Some("practitioner-id"), update().practitioner(unknown()), &REFUSALS).await?;
    is_refused(subject, Some("status-id"), update().status(unknown()), &REFUSALS).await?;
    is_refused(subject, Some("type-id"), update().appointment_type(unknown()), &REFUSALS).await
}

async fn is_not_found(subject: Subject<'_>, what: &str, id: AppointmentId) -> Outcome {
    let appointments = subject.appointments();
    let kinds = [ErrorKind::NotFound];
    refused(&format!("reading {what}"), appointments.get(id).await, &kinds)?;
    let update = AppointmentUpdate::default().location("Room 5");
    refused(&format!("changing {what}"), appointments.update(id, update).await, &kinds)?;
    refused(&format!("deleting {what}"), appointments.delete(id).await, &kinds)?;
    // Trying to change it has not made it.
    refused(&format!("reading {what} again"), appointments.get(id).await, &kinds).map(drop)
}

pub(super) async fn what_is_not_there_is_not_found(subject: Subject<'_>) -> Outcome {
    is_not_found(subject, "an appointment that was never booked", unknown()).await
}

pub(super) async fn what_is_deleted_is_not_found(subject: Subject<'_>) -> Outcome {
    let stays = is_kept(subject, full(subject)?).await?;
    let goes = booked(subject, plain(subject)?).await?;
    done("deleting an appointment", subject.appointments().delete(goes).await)?;
    is_not_found(subject, "an appointment that was deleted", goes).await?;
    is_as("an appointment beside one that was deleted", &read(subject, stays.id).await?, &stays)
}

pub(super) async fn many_at_once_are_told_apart(subject: Subject<'_>) -> Outcome {
    let mut wanted = Vec::new();
    for _ in 0..MANY {
        wanted.push(built(full(subject)?)?);
    }
    let appointments = subject.appointments();
    let calls = join_all(wanted.iter().cloned().map(|appointment| appointments.create(appointment))).await;
    let mut ids = Vec::new();
    for (appointment, call) in wanted.iter().zip(calls) {
        let id = done("booking one of many appointments at once", call)?;
        is_as("one of many appointments", &read(subject, id).await?, &as_booked(id, appointment))?;
        ids.push(id);
    }
    distinct("the ids of appointments that were booked at once", &ids)
}

pub(super) async fn practitioners_are_listed_whole(subject: Subject<'_>) -> Outcome {
    let (appointments, known) = (subject.appointments(), subject.two_practitioners());
    is_whole("the practitioners", |options| appointments.practitioners(options), |one| one.id, &known).await
}

pub(super) async fn statuses_are_listed_whole(subject: Subject<'_>) -> Outcome {
    let (appointments, known) = (subject.appointments(), subject.two_statuses());
    is_whole("the statuses", |options| appointments.statuses(options), |one| one.id, &known).await
}

pub(super) async fn types_are_listed_whole(subject: Subject<'_>) -> Outcome {
    let (appointments, known) = (subject.appointments(), subject.two_types());
    is_whole("the types", |options| appointments.types(options), |one| one.id, &known).await
}

pub(super) async fn a_list_begins_where_it_is_told_to(subject: Subject<'_>) -> Outcome {
    let appointments = subject.appointments();
    // What a list has is there before it is read.
    let _ = (subject.two_practitioners(), subject.two_statuses(), subject.two_types());
    let practitioners = |options| appointments.practitioners(options);
    begins_and_ends_as_told("the practitioners", practitioners, |one| one.id).await?;
    begins_and_ends_as_told("the statuses", |options| appointments.statuses(options), |one| one.id).await?;
    begins_and_ends_as_told("the types", |options| appointments.types(options), |one| one.id).await
}
