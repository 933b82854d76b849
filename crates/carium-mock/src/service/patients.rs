//! Patients.

use carium_api::types::{CreatePatientRequest, IndividualId, Username};
use email_address::EmailAddress;
use http::StatusCode;
use serde_json::json;

use super::request::ParsedRequest;
use super::response::{ErrorResponse, SuccessResponse};
use super::state::{ServiceState, require_known};

/// Creates a patient. Usernames are unique, whereas patients may share email addresses and phone numbers.
pub(crate) fn create(
    state: &mut ServiceState,
    request: &ParsedRequest<'_>,
) -> Result<SuccessResponse, ErrorResponse> {
    let body: CreatePatientRequest = request.body()?;
    let mut patient = body.data.attributes;
    state.require_organization(patient.organization_id)?;
    let has_groups = patient.individual_group_ids.iter().all(|group| state.groups.contains(group));
    require_known("individual-group-ids", "group", has_groups)?;
    if let Some(email) = &patient.email {
        let is_valid = EmailAddress::is_valid(email.as_str()) && !email.as_str().contains('<');
        if !is_valid {
            return Err(ErrorResponse::attribute("invalid", "email", "The email address is invalid."));
        }
    }
    let email = patient.email.as_ref().map(|email| email.as_str().to_owned());
    let phone = patient.mobile_phone.as_ref().map(|phone| phone.as_str().to_owned());
    let Some(default_username) = email.clone().or(phone.clone()) else {
        let detail = "An email address or a phone number is required.";
        return Err(ErrorResponse::attribute("missing", "email", detail));
    };
    let username =
        patient.username.as_ref().map_or(default_username, |username| username.as_str().to_owned());
    if ![&email, &phone].into_iter().flatten().any(|contact| *contact == username) {
        let detail = "The username must be the email address or the phone number.";
        return Err(ErrorResponse::attribute("invalid", "username", detail));
    }
    if state.is_username_taken(&username) {
        let error = ErrorResponse::attribute("duplicate", "username", "The username is already taken.");
        return Err(error.with_status(StatusCode::CONFLICT));
    }
    patient.username = Username::try_from(username.as_str()).ok();
    let id = IndividualId(state.next_id());
    state.add_patient(id, patient);
    Ok(SuccessResponse::created(json!({"data": {"id": id, "type": "ui-patients"}})))
}
