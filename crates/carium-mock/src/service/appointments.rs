//! Appointments.

use carium_api::types::{
    AppointmentChanges, AppointmentId, AppointmentStatusId, AppointmentTypeId, CreateAppointmentRequest,
    NewAppointment, PractitionerId, UpdateAppointmentRequest,
};
use carium_api::{Change, DateTime};
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::asked::Asked;
use super::world::{World, known};

pub(crate) fn create(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let request: CreateAppointmentRequest = asked.body()?;
    let appointment = request.data.attributes;
    world.has_organization(appointment.organization_id)?;
    world.has_individual(appointment.individual_id)?;
    has_practitioner(world, appointment.practitioner_id)?;
    has_status(world, appointment.status_id)?;
    has_kind(world, appointment.type_id)?;
    check(&appointment)?;
    let id = AppointmentId(world.next_id());
    let document = document(id, &appointment);
    world.appointments.insert(id, appointment);
    Ok(Answer::created(document))
}

pub(crate) fn get(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let id = asked.id("appointment")?;
    let appointment = world.appointments.get(&id).ok_or_else(not_found)?;
    Ok(Answer::ok(document(id, appointment)))
}

pub(crate) fn delete(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    world.appointments.remove(&asked.id("appointment")?).ok_or_else(not_found)?;
    Ok(Answer::no_content())
}

pub(crate) fn update(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let id = asked.id("appointment")?;
    let request: UpdateAppointmentRequest = asked.body()?;
    let changes = request.data.attributes;
    if changes == AppointmentChanges::default() {
        let detail = "There is nothing to change.";
        let refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "empty", detail);
        return Err(refusal.at("/data/attributes".to_owned()));
    }
    let mut appointment = world.appointments.get(&id).ok_or_else(not_found)?.clone();
    if let Some(practitioner) = changes.practitioner_id {
        has_practitioner(world, practitioner)?;
        appointment.practitioner_id = practitioner;
    }
    if let Some(status) = changes.status_id {
        has_status(world, status)?;
        appointment.status_id = status;
    }
    if let Some(kind) = changes.type_id {
        has_kind(world, kind)?;
        appointment.type_id = kind;
    }
    appointment.start_time = changes.start_time.unwrap_or(appointment.start_time);
    appointment.end_time = changes.end_time.unwrap_or(appointment.end_time);
    appointment.add_video_channel = changes.add_video_channel.unwrap_or(appointment.add_video_channel);
    for (change, value) in [
        (changes.description, &mut appointment.description),
        (changes.guest_url, &mut appointment.guest_url),
        (changes.host_url, &mut appointment.host_url),
        (changes.location, &mut appointment.location),
        (changes.patient_instruction, &mut appointment.patient_instruction),
    ] {
        match change {
            Change::Keep => {}
            Change::Clear => *value = None,
            Change::Set(new) => *value = Some(new),
        }
    }
    check(&appointment)?;
    let document = document(id, &appointment);
    world.appointments.insert(id, appointment);
    Ok(Answer::ok(document))
}

fn not_found() -> Refusal {
    Refusal::not_found("appointment")
}

fn has_practitioner(world: &World, id: PractitionerId) -> Result<(), Refusal> {
    known("practitioner-id", "practitioner", world.practitioners.contains_key(&id))
}

fn has_status(world: &World, id: AppointmentStatusId) -> Result<(), Refusal> {
    known("status-id", "status of an appointment", world.statuses.contains_key(&id))
}

fn has_kind(world: &World, id: AppointmentTypeId) -> Result<(), Refusal> {
    known("type-id", "type of appointment", world.kinds.contains_key(&id))
}

fn check(appointment: &NewAppointment) -> Result<(), Refusal> {
    if appointment.end_time <= appointment.start_time {
        return Err(Refusal::attribute("invalid", "end-time", "It is not after the start."));
    }
    for (name, url) in [("guest-url", &appointment.guest_url), ("host-url", &appointment.host_url)] {
        if appointment.add_video_channel && url.is_some() {
            return Err(Refusal::attribute("invalid", name, "There is a video channel of the platform."));
        }
    }
    Ok(())
}

/// An appointment as it is answered: times in the vendor's own form.
fn document(id: AppointmentId, appointment: &NewAppointment) -> Value {
    // What was read from JSON can be written as JSON.
    let mut attributes = serde_json::to_value(appointment).unwrap_or_default();
    attributes["start-time"] = vendors(appointment.start_time);
    attributes["end-time"] = vendors(appointment.end_time);
    json!({"data": {"id": id, "type": "org-appointments", "attributes": attributes}})
}

/// `YYYY-MM-DD hh:mm:ss`, UTC: the only form of answers (reference pages).
fn vendors(time: DateTime) -> Value {
    // The form in which `chrono` displays it, less parts of a second. A format string takes five times as long.
    let text = time.to_chrono().naive_utc().to_string();
    text.split('.').next().unwrap_or_default().into()
}
