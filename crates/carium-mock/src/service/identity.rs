//! Signing in, and invitations.

use std::time::Duration;

use carium_api::types::{InvitationRequest, LoginRequest, NotificationChannel};
use http::StatusCode;
use serde_json::json;
use totp_rs::{Builder, Secret};

use super::answer::{Answer, Refusal};
use super::asked::Asked;
use super::world::World;

/// How long a token lasts where nothing is asked for, and at the most (reference pages).
const LONGEST: u64 = 3600;
/// The length of a step of one-time codes, in seconds (RFC 6238).
const STEP: u64 = 30;

pub(crate) fn login(world: &mut World, asked: &Asked<'_>, now: u64) -> Result<Answer, Refusal> {
    let request: LoginRequest = asked.body()?;
    let lifetime = request.access_token_expiration_seconds.map_or(LONGEST, std::num::NonZeroU64::get);
    let refused = || Refusal::new(StatusCode::UNAUTHORIZED, "unauthenticated", "The credentials are wrong.");
    let account = world.accounts.get_mut(request.username.as_str()).ok_or_else(refused)?;
    if account.password != request.password.expose() {
        return Err(refused());
    }
    if let Some(secret) = account.totp_secret {
        let code = request.totp_code.as_ref().ok_or_else(|| {
            Refusal::new(StatusCode::UNAUTHORIZED, "one-time-code-required", "A one-time code is missing.")
        })?;
        // Those of steps that are over are not taken in any case.
        account.used_codes.retain(|used| used + 1 >= now / STEP);
        let step = step_of(secret, code.expose(), now).filter(|step| account.used_codes.insert(*step));
        step.ok_or_else(|| {
            Refusal::new(StatusCode::UNAUTHORIZED, "one-time-code-refused", "The one-time code is not good.")
        })?;
    }
    let token = world.new_token(Duration::from_secs(lifetime.min(LONGEST)));
    Ok(Answer::ok(json!({"access-token": token})))
}

/// The step whose code this is: the one of now, or one beside it, for clocks that are off.
fn step_of(secret: &str, code: &str, now: u64) -> Option<u64> {
    let bytes = Secret::try_from_base32(secret).ok()?;
    let totp = Builder::new().with_secret(bytes).with_step_duration(STEP).build_noncompliant();
    let step = now / STEP;
    [step, step.saturating_sub(1), step + 1]
        .into_iter()
        .find(|step| totp.generate(step * STEP).to_string() == code)
}

pub(crate) fn invite(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let request: InvitationRequest = asked.body()?;
    let invitation = request.data.attributes;
    let username = invitation.username.as_str();
    if invitation.notifications.is_empty() {
        return Err(Refusal::attribute("empty", "notifications", "There is no way to send it."));
    }
    let channels = &invitation.notifications;
    if channels.iter().enumerate().any(|(nth, channel)| channels[..nth].contains(channel)) {
        return Err(Refusal::attribute("invalid", "notifications", "One is there twice."));
    }
    match world.patient_named(username) {
        Some(patient) => {
            for channel in &invitation.notifications {
                let has_address = match channel {
                    NotificationChannel::Email => patient.email.is_some(),
                    NotificationChannel::Sms => patient.mobile_phone.is_some(),
                    // Another way needs what nobody has described.
                    _ => true,
                };
                if !has_address {
                    let detail = "There is no address to send it to in this way.";
                    return Err(Refusal::attribute("no-address", "notifications", detail));
                }
            }
        }
        None if world.has_user(username) => {}
        None => {
            let refusal = Refusal::attribute("unknown-username", "username", "There is no such user.");
            return Err(refusal.with_status(StatusCode::NOT_FOUND));
        }
    }
    world.add_invitation(username, invitation.notifications);
    Ok(Answer::no_content())
}
