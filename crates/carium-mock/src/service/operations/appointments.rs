//! Appointments.

use carium_api::types::{
    AppointmentId, AppointmentStatusId, AppointmentTypeId, CreateAppointmentRequest, NewAppointment,
    PractitionerId, UpdateAppointmentRequest,
};
use carium_api::{Change, DateTime};
use http::StatusCode;
use serde_json::{Value, json};

use crate::service::message::{ErrorResponse, ParsedRequest, ServiceResult, SuccessResponse};
use crate::service::quirks::Quirk;
use crate::service::state::{ServiceState, require_known};

pub(super) fn create(state: &mut ServiceState, request: &ParsedRequest<'_>) -> ServiceResult {
    let body: CreateAppointmentRequest = request.body()?;
    let appointment = body.data.attributes;
    state.require_organization(appointment.organization_id)?;
    state.require_individual(appointment.individual_id)?;
    require_practitioner(state, appointment.practitioner_id)?;
    require_status(state, appointment.status_id)?;
    require_type(state, appointment.type_id)?;
    validate(&appointment)?;
    let id = AppointmentId(state.next_id());
    let document = document(id, &appointment);
    state.appointments.insert(id, appointment);
    Ok(SuccessResponse::created(document))
}

pub(super) fn get(state: &ServiceState, request: &ParsedRequest<'_>) -> ServiceResult {
    let id = request.id("appointment")?;
    let appointment = state.appointments.get(&id).ok_or_else(not_found)?;
    Ok(SuccessResponse::ok(document(id, appointment)))
}

pub(super) fn delete(state: &mut ServiceState, request: &ParsedRequest<'_>) -> ServiceResult {
    state.appointments.remove(&request.id("appointment")?).ok_or_else(not_found)?;
    Ok(SuccessResponse::no_content())
}

pub(super) fn update(state: &mut ServiceState, request: &ParsedRequest<'_>) -> ServiceResult {
    let id = request.id("appointment")?;
    let body: UpdateAppointmentRequest = request.body()?;
    let (status, detail) = match body.data.id {
        None if state.quirks.has(Quirk::UpdateRequiresId) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "The ID of the appointment is missing.")
        }
        // The status is that of JSON:API.
        Some(other) if other != id => (StatusCode::CONFLICT, "The ID is not that of the URL."),
        _ => (StatusCode::OK, ""),
    };
    if status != StatusCode::OK {
        return Err(ErrorResponse::new(status, "invalid", detail).with_pointer("/data/id".to_owned()));
    }
    let changes = body.data.attributes;
    let mut appointment = state.appointments.get(&id).ok_or_else(not_found)?.clone();
    if let Some(practitioner) = changes.practitioner_id {
        require_practitioner(state, practitioner)?;
        appointment.practitioner_id = practitioner;
    }
    if let Some(status) = changes.status_id {
        require_status(state, status)?;
        appointment.status_id = status;
    }
    if let Some(appointment_type) = changes.type_id {
        require_type(state, appointment_type)?;
        appointment.type_id = appointment_type;
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
    validate(&appointment)?;
    let document = document(id, &appointment);
    state.appointments.insert(id, appointment);
    Ok(SuccessResponse::ok(document))
}

fn not_found() -> ErrorResponse {
    ErrorResponse::not_found("appointment")
}

fn require_practitioner(state: &ServiceState, id: PractitionerId) -> Result<(), ErrorResponse> {
    require_known("practitioner-id", "practitioner", state.practitioners.contains_key(&id))
}

fn require_status(state: &ServiceState, id: AppointmentStatusId) -> Result<(), ErrorResponse> {
    require_known("status-id", "appointment status", state.appointment_statuses.contains_key(&id))
}

fn require_type(state: &ServiceState, id: AppointmentTypeId) -> Result<(), ErrorResponse> {
    require_known("type-id", "appointment type", state.appointment_types.contains_key(&id))
}

fn validate(appointment: &NewAppointment) -> Result<(), ErrorResponse> {
    if appointment.end_time <= appointment.start_time {
        return Err(ErrorResponse::attribute(
            "invalid",
            "end-time",
            "The end time must be after the start time.",
        ));
    }
    for (name, url) in [("guest-url", &appointment.guest_url), ("host-url", &appointment.host_url)] {
        if appointment.add_video_channel && url.is_some() {
            let detail = "The URL cannot be combined with a video channel of the platform.";
            return Err(ErrorResponse::attribute("invalid", name, detail));
        }
    }
    Ok(())
}

/// Returns the JSON:API document of an appointment, with times in the vendor's format.
fn document(id: AppointmentId, appointment: &NewAppointment) -> Value {
    // Serialization cannot fail, because the value was deserialized from JSON.
    let mut attributes = serde_json::to_value(appointment).unwrap_or_default();
    attributes["start-time"] = vendor_time(appointment.start_time);
    attributes["end-time"] = vendor_time(appointment.end_time);
    json!({"data": {"id": id, "type": "org-appointments", "attributes": attributes}})
}

/// Formats a time as `YYYY-MM-DD hh:mm:ss` in UTC, which is the format of responses in the vendor's reference pages.
fn vendor_time(time: DateTime) -> Value {
    // This is chrono's `Display` format without fractional seconds. A format string would take five times as long.
    let text = time.to_chrono().naive_utc().to_string();
    text.split('.').next().unwrap_or_default().into()
}
