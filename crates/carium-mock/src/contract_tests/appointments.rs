//! Test cases for [`Appointments`](carium::Appointments).

use carium::appointments::{
    Appointment, AppointmentId, AppointmentUpdate, NewAppointment, NewAppointmentBuilder,
};
use carium::{Change, DateTime, ErrorKind};
use futures_util::future::join_all;

use super::assertions::{
    CaseResult, REJECTION_KINDS, check_complete, check_start_and_early_stop, ensure, ensure_distinct,
    ensure_eq, ensure_field_rejected, ensure_fields, ensure_ok, ensure_rejected,
};
use super::fixture::AppointmentsFixture;
use super::steps::{
    CONCURRENT_CALLS, appointment_builder, build_appointment, create_appointment, get_appointment, time,
    unique_word, unknown_id,
};

/// Returns a builder with every field that does not exclude another one.
fn with_all_fields(fixture: &dyn AppointmentsFixture) -> CaseResult<NewAppointmentBuilder> {
    Ok(appointment_builder(fixture)?
        .guest_url("https://example.com/guest?room=4&from=mail#now")
        .host_url("https://example.com/host")
        .description(unique_word())
        .patient_instruction("Please reschedule at https://example.com/reschedule\nor call.")
        .location("Room 4, \"Überlingen\""))
}

async fn update_appointment(
    fixture: &dyn AppointmentsFixture,
    id: AppointmentId,
    update: AppointmentUpdate,
) -> CaseResult<Appointment> {
    ensure_ok("updating an appointment", fixture.appointments().update(id, update).await)
}

/// Returns the appointment that a read must return after this creation.
fn expected_after_create(id: AppointmentId, appointment: &NewAppointment) -> Appointment {
    let attributes = appointment.attributes();
    let mut expected = Appointment::from_id(id);
    expected.organization = Some(attributes.organization_id);
    expected.patient = Some(attributes.individual_id);
    expected.practitioner = Some(attributes.practitioner_id);
    expected.status = Some(attributes.status_id);
    expected.appointment_type = Some(attributes.type_id);
    (expected.start, expected.end) = (Some(attributes.start_time), Some(attributes.end_time));
    expected.has_video_channel = Some(attributes.add_video_channel);
    expected.guest_url.clone_from(&attributes.guest_url);
    expected.host_url.clone_from(&attributes.host_url);
    expected.description.clone_from(&attributes.description);
    expected.patient_instruction.clone_from(&attributes.patient_instruction);
    expected.location.clone_from(&attributes.location);
    expected
}

/// Compares two appointments field by field, so that a failure names the fields that differ.
fn check_fields(checked: &str, actual: &Appointment, expected: &Appointment) -> CaseResult {
    ensure_eq(format!("the ID of {checked}"), &actual.id, &expected.id)?;
    let fields = [
        ("organization-id", actual.organization == expected.organization),
        ("individual-id", actual.patient == expected.patient),
        ("practitioner-id", actual.practitioner == expected.practitioner),
        ("status-id", actual.status == expected.status),
        ("type-id", actual.appointment_type == expected.appointment_type),
        ("start-time", actual.start == expected.start),
        ("end-time", actual.end == expected.end),
        ("add-video-channel", actual.has_video_channel == expected.has_video_channel),
        ("guest-url", actual.guest_url == expected.guest_url),
        ("host-url", actual.host_url == expected.host_url),
        ("description", actual.description == expected.description),
        ("patient-instruction", actual.patient_instruction == expected.patient_instruction),
        ("location", actual.location == expected.location),
    ];
    ensure_fields(checked, &fields)
}

/// Checks the fields of the appointment with the ID of `expected`.
async fn check_stored(
    fixture: &dyn AppointmentsFixture,
    checked: &str,
    expected: &Appointment,
) -> CaseResult {
    check_fields(checked, &get_appointment(fixture, expected.id).await?, expected)
}

/// Updates an appointment, and checks the appointment that the update returns and the one that is read afterwards.
async fn update_and_check(
    fixture: &dyn AppointmentsFixture,
    update: AppointmentUpdate,
    expected: &Appointment,
) -> CaseResult {
    let updated = update_appointment(fixture, expected.id, update).await?;
    check_fields("the appointment that an update returns", &updated, expected)?;
    check_stored(fixture, "an appointment after an update", expected).await
}

/// Creates an appointment, and checks that a read returns the same fields.
async fn create_and_check(
    fixture: &dyn AppointmentsFixture,
    appointment: NewAppointmentBuilder,
) -> CaseResult<Appointment> {
    let appointment = build_appointment(appointment)?;
    let result = fixture.appointments().create(appointment.clone()).await;
    let id = ensure_ok("creating an appointment", result)?;
    let expected = expected_after_create(id, &appointment);
    check_stored(fixture, "a created appointment", &expected).await?;
    Ok(expected)
}

pub(super) async fn appointment_ids_are_unique(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(create_appointment(fixture, appointment_builder(fixture)?).await?);
    }
    ensure_distinct("the IDs of three appointments", &ids)
}

pub(super) async fn returns_appointment_as_created(fixture: &dyn AppointmentsFixture) -> CaseResult {
    create_and_check(fixture, appointment_builder(fixture)?).await?;
    create_and_check(fixture, with_all_fields(fixture)?).await.map(drop)
}

pub(super) async fn keeps_urls_without_video_channel(fixture: &dyn AppointmentsFixture) -> CaseResult {
    create_and_check(fixture, appointment_builder(fixture)?.guest_url("https://example.com/guest")).await?;
    create_and_check(fixture, appointment_builder(fixture)?.host_url("https://example.com/host")).await?;
    let both = appointment_builder(fixture)?
        .guest_url("https://example.com/guest")
        .host_url("https://example.com/host");
    create_and_check(fixture, both).await.map(drop)
}

pub(super) async fn attaches_video_channel_only_if_requested(
    fixture: &dyn AppointmentsFixture,
) -> CaseResult {
    for (appointment, expected) in
        [(appointment_builder(fixture)?.add_video_channel(), true), (appointment_builder(fixture)?, false)]
    {
        let id = create_appointment(fixture, appointment).await?;
        let actual = get_appointment(fixture, id).await?.has_video_channel;
        ensure_eq("whether an appointment has a video channel", &actual, &Some(expected))?;
    }
    Ok(())
}

pub(super) async fn accepts_any_time_range(fixture: &dyn AppointmentsFixture) -> CaseResult {
    for (start, end) in [
        ("1999-12-31T23:59:59Z", "2000-01-01T00:00:00Z"),
        ("2022-01-01T09:00:00Z", "2022-01-01T09:30:00Z"),
        ("2028-02-29T00:00:00Z", "2028-02-29T23:59:59Z"),
        ("2030-06-01T09:00:00+02:00", "2030-06-01T09:30:00+02:00"),
        ("2030-06-01T22:00:00-07:00", "2030-06-01T23:00:00-07:00"),
        ("2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z"),
    ] {
        create_and_check(fixture, appointment_builder(fixture)?.between(time(start)?, time(end)?)).await?;
    }
    Ok(())
}

async fn check_unknown_reference(
    fixture: &dyn AppointmentsFixture,
    field: &str,
    appointment: NewAppointmentBuilder,
) -> CaseResult {
    let result = fixture.appointments().create(build_appointment(appointment)?).await;
    let checked = "creating an appointment with an unknown ID";
    ensure_field_rejected(fixture, field, checked, result, &REJECTION_KINDS)
}

pub(super) async fn rejects_unknown_organization(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_unknown_reference(
        fixture,
        "organization-id",
        appointment_builder(fixture)?.organization(unknown_id()),
    )
    .await
}

pub(super) async fn rejects_unknown_patient(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_unknown_reference(fixture, "individual-id", appointment_builder(fixture)?.patient(unknown_id()))
        .await
}

pub(super) async fn rejects_unknown_practitioner(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_unknown_reference(
        fixture,
        "practitioner-id",
        appointment_builder(fixture)?.practitioner(unknown_id()),
    )
    .await
}

pub(super) async fn rejects_unknown_status(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_unknown_reference(fixture, "status-id", appointment_builder(fixture)?.status(unknown_id())).await
}

pub(super) async fn rejects_unknown_type(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_unknown_reference(fixture, "type-id", appointment_builder(fixture)?.appointment_type(unknown_id()))
        .await
}

/// An update and its expected effect on the appointment.
struct UpdateStep {
    update: AppointmentUpdate,
    apply: Box<dyn FnOnce(&mut Appointment) + Send>,
}

fn update_step(
    update: AppointmentUpdate,
    apply: impl FnOnce(&mut Appointment) + Send + 'static,
) -> UpdateStep {
    UpdateStep { update, apply: Box::new(apply) }
}

/// Returns one update for each field that can be set.
fn setting_updates(fixture: &dyn AppointmentsFixture) -> CaseResult<Vec<UpdateStep>> {
    let update = AppointmentUpdate::default;
    let (start, end) = new_times()?;
    let practitioner = fixture.two_practitioners()[1];
    let status = fixture.two_statuses()[1];
    let appointment_type = fixture.two_types()[1];
    let text = |text: &str| Some(text.to_owned());
    let (guest, host) = ("https://example.com/g2", "https://example.com/h2");
    Ok(vec![
        update_step(update().between(start, end), move |it| (it.start, it.end) = (Some(start), Some(end))),
        update_step(update().practitioner(practitioner), move |it| it.practitioner = Some(practitioner)),
        update_step(update().status(status), move |it| it.status = Some(status)),
        update_step(update().appointment_type(appointment_type), move |it| {
            it.appointment_type = Some(appointment_type);
        }),
        update_step(update().guest_url(guest), move |it| it.guest_url = text(guest)),
        update_step(update().host_url(host), move |it| it.host_url = text(host)),
        update_step(update().description("Another"), move |it| it.description = text("Another")),
        update_step(update().patient_instruction("Call us"), move |it| {
            it.patient_instruction = text("Call us");
        }),
        update_step(update().location("Room 5"), move |it| it.location = text("Room 5")),
    ])
}

fn new_times() -> CaseResult<(DateTime, DateTime)> {
    Ok((time("2031-05-05T10:00:00Z")?, time("2031-05-05T10:45:00Z")?))
}

/// Returns one update for each field that can be cleared.
fn clearing_updates() -> Vec<UpdateStep> {
    let update = AppointmentUpdate::default;
    vec![
        update_step(update().guest_url(Change::Clear), |it| it.guest_url = None),
        update_step(update().host_url(Change::Clear), |it| it.host_url = None),
        update_step(update().description(Change::Clear), |it| it.description = None),
        update_step(update().patient_instruction(Change::Clear), |it| it.patient_instruction = None),
        update_step(update().location(Change::Clear), |it| it.location = None),
    ]
}

/// Applies each update and checks its effect. Also checks another appointment, which must not change.
async fn check_updates(fixture: &dyn AppointmentsFixture, steps: Vec<UpdateStep>) -> CaseResult {
    let mut expected = create_and_check(fixture, with_all_fields(fixture)?).await?;
    let other = create_and_check(fixture, with_all_fields(fixture)?).await?;
    for UpdateStep { update, apply } in steps {
        apply(&mut expected);
        update_and_check(fixture, update, &expected).await?;
    }
    check_stored(fixture, "an appointment that was not updated", &other).await
}

pub(super) async fn update_changes_only_given_fields(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_updates(fixture, setting_updates(fixture)?).await
}

pub(super) async fn update_clears_only_given_fields(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_updates(fixture, clearing_updates()).await
}

pub(super) async fn update_is_persisted(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let id = create_appointment(fixture, appointment_builder(fixture)?).await?;
    update_appointment(fixture, id, AppointmentUpdate::default().location("Room 5")).await?;
    let channel = AppointmentUpdate::default().video_channel(true);
    let attached = update_appointment(fixture, id, channel).await?.has_video_channel;
    ensure_eq("the video channel that an update attaches", &attached, &Some(true))?;
    let after = get_appointment(fixture, id).await?;
    ensure_eq("the video channel in a read after the update", &after.has_video_channel, &Some(true))?;
    ensure(
        after.location.as_deref() == Some("Room 5"),
        "the location after two updates",
        "the location of the first update",
        "a different location",
    )?;
    let without = AppointmentUpdate::default().video_channel(false);
    let attached = update_appointment(fixture, id, without).await?.has_video_channel;
    ensure_eq("the video channel that an update removes", &attached, &Some(false))
}

pub(super) async fn update_sets_and_clears_several_fields(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let mut expected = create_and_check(fixture, with_all_fields(fixture)?).await?;
    let (start, end) = new_times()?;
    let [_, status] = fixture.two_statuses();
    let update = AppointmentUpdate::default()
        .between(start, end)
        .status(status)
        .location(Change::Clear)
        .description("Another");
    (expected.start, expected.end) = (Some(start), Some(end));
    expected.status = Some(status);
    expected.location = None;
    expected.description = Some("Another".to_owned());
    update_and_check(fixture, update, &expected).await
}

/// Checks that an update is rejected and changes nothing.
async fn check_update_rejected(
    fixture: &dyn AppointmentsFixture,
    field: Option<&str>,
    update: AppointmentUpdate,
    kinds: &[ErrorKind],
) -> CaseResult {
    let before = create_and_check(fixture, with_all_fields(fixture)?).await?;
    let result = fixture.appointments().update(before.id, update).await;
    let checked = "an invalid update";
    match field {
        Some(field) => ensure_field_rejected(fixture, field, checked, result, kinds)?,
        None => ensure_rejected(checked, result, kinds).map(drop)?,
    }
    check_stored(fixture, "an appointment after a rejected update", &before).await
}

pub(super) async fn rejects_empty_update(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_update_rejected(fixture, None, AppointmentUpdate::default(), &[ErrorKind::InvalidInput]).await
}

pub(super) async fn rejects_update_with_video_channel_and_url(
    fixture: &dyn AppointmentsFixture,
) -> CaseResult {
    let channel = || AppointmentUpdate::default().video_channel(true).location("Room 5");
    let guest = channel().guest_url("https://example.com/guest");
    check_update_rejected(fixture, Some("guest-url"), guest, &[ErrorKind::InvalidInput]).await?;
    let host = channel().host_url("https://example.com/host");
    check_update_rejected(fixture, Some("host-url"), host, &[ErrorKind::InvalidInput]).await
}

pub(super) async fn rejects_update_with_unknown_reference(fixture: &dyn AppointmentsFixture) -> CaseResult {
    // The valid changes in the same update must not be applied either.
    let update = || AppointmentUpdate::default().location("Room 5").description(Change::Clear);
    for (field, update) in [
        ("practitioner-id", update().practitioner(unknown_id())),
        ("status-id", update().status(unknown_id())),
        ("type-id", update().appointment_type(unknown_id())),
    ] {
        check_update_rejected(fixture, Some(field), update, &REJECTION_KINDS).await?;
    }
    Ok(())
}

async fn check_not_found(
    fixture: &dyn AppointmentsFixture,
    description: &str,
    id: AppointmentId,
) -> CaseResult {
    let appointments = fixture.appointments();
    let kinds = [ErrorKind::NotFound];
    ensure_rejected(&format!("reading {description}"), appointments.get(id).await, &kinds)?;
    let update = AppointmentUpdate::default().location("Room 5");
    ensure_rejected(&format!("updating {description}"), appointments.update(id, update).await, &kinds)?;
    ensure_rejected(&format!("deleting {description}"), appointments.delete(id).await, &kinds)?;
    ensure_rejected(&format!("reading {description} after an update"), appointments.get(id).await, &kinds)
        .map(drop)
}

pub(super) async fn unknown_appointment_is_not_found(fixture: &dyn AppointmentsFixture) -> CaseResult {
    check_not_found(fixture, "an appointment that never existed", unknown_id()).await
}

pub(super) async fn deleted_appointment_is_not_found(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let kept = create_and_check(fixture, with_all_fields(fixture)?).await?;
    let deleted = create_appointment(fixture, appointment_builder(fixture)?).await?;
    ensure_ok("deleting an appointment", fixture.appointments().delete(deleted).await)?;
    check_not_found(fixture, "a deleted appointment", deleted).await?;
    check_stored(fixture, "an appointment that was not deleted", &kept).await
}

pub(super) async fn concurrent_creates_keep_their_fields(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let mut inputs = Vec::new();
    for _ in 0..CONCURRENT_CALLS {
        inputs.push(build_appointment(with_all_fields(fixture)?)?);
    }
    let appointments = fixture.appointments();
    let results = join_all(inputs.iter().cloned().map(|appointment| appointments.create(appointment))).await;
    let mut ids = Vec::new();
    for (appointment, result) in inputs.iter().zip(results) {
        let id = ensure_ok("creating an appointment concurrently", result)?;
        let expected = expected_after_create(id, appointment);
        check_stored(fixture, "an appointment that was created concurrently", &expected).await?;
        ids.push(id);
    }
    ensure_distinct("the IDs of appointments that were created concurrently", &ids)
}

pub(super) async fn lists_all_practitioners(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let (appointments, known) = (fixture.appointments(), fixture.two_practitioners());
    check_complete("the practitioners", |options| appointments.practitioners(options), |item| item.id, &known)
        .await
}

pub(super) async fn lists_all_statuses(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let (appointments, known) = (fixture.appointments(), fixture.two_statuses());
    check_complete("the statuses", |options| appointments.statuses(options), |item| item.id, &known).await
}

pub(super) async fn lists_all_types(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let (appointments, known) = (fixture.appointments(), fixture.two_types());
    check_complete("the types", |options| appointments.types(options), |item| item.id, &known).await
}

pub(super) async fn lists_start_at_requested_page(fixture: &dyn AppointmentsFixture) -> CaseResult {
    let appointments = fixture.appointments();
    // Creates the data of the fixture before the lists are read.
    let _ = (fixture.two_practitioners(), fixture.two_statuses(), fixture.two_types());
    let practitioners = |options| appointments.practitioners(options);
    check_start_and_early_stop("the practitioners", practitioners, |item| item.id).await?;
    check_start_and_early_stop("the statuses", |options| appointments.statuses(options), |item| item.id)
        .await?;
    check_start_and_early_stop("the types", |options| appointments.types(options), |item| item.id).await
}
