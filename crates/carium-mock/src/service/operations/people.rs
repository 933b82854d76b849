//! Sign-in, patients and their invitations.

use std::time::Duration;

use carium_api::types::{
    CreatePatientRequest, IndividualId, InvitationRequest, LoginRequest, NotificationChannel, Username,
};
use http::StatusCode;
use serde_json::json;
use totp_rs::{Builder, Secret};

use crate::service::message::{ErrorResponse, ParsedRequest, ServiceResult, SuccessResponse};
use crate::service::state::{FakeAccount, ServiceState, require_known};

/// The default and maximum lifetime of a token in seconds, according to the vendor's reference pages.
const MAX_TOKEN_LIFETIME: u64 = 3600;
/// The time step of one-time codes in seconds (RFC 6238).
const TOTP_STEP: u64 = 30;

pub(super) fn login(state: &mut ServiceState, request: &ParsedRequest<'_>, now: u64) -> ServiceResult {
    let body: LoginRequest = request.body()?;
    let lifetime = body.access_token_expiration_seconds.map_or(MAX_TOKEN_LIFETIME, std::num::NonZeroU64::get);
    let unauthenticated = |code, detail| ErrorResponse::new(StatusCode::UNAUTHORIZED, code, detail);
    let is_match = |account: &FakeAccount| {
        account.username == body.username.as_str() && account.password == body.password.expose()
    };
    let account = state.accounts.iter_mut().find(|account| is_match(&account.details));
    let account =
        account.ok_or_else(|| unauthenticated("unauthenticated", "The username or password is wrong."))?;
    if let Some(secret) = account.details.totp_secret {
        let code = body
            .totp_code
            .as_ref()
            .ok_or_else(|| unauthenticated("one-time-code-required", "The one-time code is missing."))?;
        // Codes of earlier steps are rejected anyway, so their steps need not be kept.
        account.used_steps.retain(|used| used + 1 >= now / TOTP_STEP);
        let step = step_of(secret, code.expose(), now).filter(|step| account.used_steps.insert(*step));
        step.ok_or_else(|| {
            let detail = "The one-time code is wrong, expired or already used.";
            unauthenticated("one-time-code-refused", detail)
        })?;
    }
    let token = state.new_token(Duration::from_secs(lifetime.min(MAX_TOKEN_LIFETIME)));
    Ok(SuccessResponse::ok(json!({"access-token": token})))
}

/// Returns the time step of a one-time code: the current step, or one next to it, to tolerate clock skew.
fn step_of(secret: &str, code: &str, now: u64) -> Option<u64> {
    let bytes = Secret::try_from_base32(secret).ok()?;
    let totp = Builder::new().with_secret(bytes).with_step_duration(TOTP_STEP).build_noncompliant();
    let step = now / TOTP_STEP;
    [step, step.saturating_sub(1), step + 1]
        .into_iter()
        .find(|step| totp.generate(step * TOTP_STEP).to_string() == code)
}

/// Creates a patient. Usernames are unique, whereas patients may share email addresses and phone numbers.
pub(super) fn create_patient(state: &mut ServiceState, request: &ParsedRequest<'_>) -> ServiceResult {
    let body: CreatePatientRequest = request.body()?;
    let mut patient = body.data.attributes;
    state.require_organization(patient.organization_id)?;
    let has_groups = patient.individual_group_ids.iter().all(|group| state.groups.contains_key(group));
    require_known("individual-group-ids", "group", has_groups)?;
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
        let existing_id = state.patient_id_by_username(&username).map(|id| id.to_string());
        return Err(error.with_status(StatusCode::CONFLICT).with_existing_id(existing_id));
    }
    patient.username = Username::try_from(username.as_str()).ok();
    let id = IndividualId(state.next_id());
    state.add_patient(id, patient);
    Ok(SuccessResponse::created(json!({"data": {"id": id, "type": "ui-patients"}})))
}

pub(super) fn invite(state: &mut ServiceState, request: &ParsedRequest<'_>) -> ServiceResult {
    let body: InvitationRequest = request.body()?;
    let invitation = body.data.attributes;
    let username = invitation.username.as_str();
    let channels = &invitation.notifications;
    match state.patient_by_username(username) {
        Some(patient) => {
            for channel in channels {
                let has_address = match channel {
                    NotificationChannel::Email => patient.email.is_some(),
                    NotificationChannel::Sms => patient.mobile_phone.is_some(),
                    // The requirements of other channels are not documented.
                    _ => true,
                };
                if !has_address {
                    let detail = "The patient has no email address or phone number for this channel.";
                    return Err(ErrorResponse::attribute("no-address", "notifications", detail));
                }
            }
        }
        None if state.has_user(username) => {}
        None => {
            let detail = "The user does not exist.";
            let error = ErrorResponse::attribute("unknown-username", "username", detail);
            return Err(error.with_status(StatusCode::NOT_FOUND));
        }
    }
    state.add_invitation(username, invitation.notifications);
    Ok(SuccessResponse::no_content())
}
