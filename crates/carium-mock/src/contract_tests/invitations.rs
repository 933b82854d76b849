//! Test cases for [`Invitations`](carium::Invitations).

use carium::invitations::NotificationChannel::{Email, Sms};
use carium::invitations::{NewInvitation, NotificationChannel};
use carium::{Error, ErrorKind};

use super::assertions::{CaseResult, ensure_eq, ensure_field_rejected, ensure_ok};
use super::fixture::InvitationsFixture;
use super::steps::{random_phone, try_invite, unique_email};

async fn send(
    fixture: &dyn InvitationsFixture,
    username: &str,
    channels: &[NotificationChannel],
) -> CaseResult<Result<(), Error>> {
    try_invite(fixture, NewInvitation::new(username, channels.iter().copied())).await
}

/// Invites a known user, and checks that exactly one invitation was sent, by exactly these channels.
async fn invite_known_user(fixture: &dyn InvitationsFixture, channels: &[NotificationChannel]) -> CaseResult {
    let username = fixture.username();
    let before = fixture.invitations_sent_to(&username);
    ensure_ok("inviting a known user", send(fixture, &username, channels).await?)?;
    let (Some(mut expected), Some(sent)) = (before, fixture.invitations_sent_to(&username)) else {
        return Ok(());
    };
    expected.push(channels.to_vec());
    let count = |sent: &[_]| format!("{} invitations", sent.len());
    ensure_eq("the number of invitations that were sent", &count(&sent), &count(&expected))?;
    let sorted = |mut channels: Vec<NotificationChannel>| {
        channels.sort_unstable();
        channels
    };
    let last = |sent: Vec<Vec<_>>| sent.into_iter().next_back().map(sorted);
    ensure_eq("the channels of the last invitation", &last(sent), &last(expected))
}

pub(super) async fn invites_known_user_by_email(fixture: &dyn InvitationsFixture) -> CaseResult {
    invite_known_user(fixture, &[Email]).await
}

pub(super) async fn invites_known_user_by_sms(fixture: &dyn InvitationsFixture) -> CaseResult {
    invite_known_user(fixture, &[Sms]).await
}

pub(super) async fn invites_known_user_by_both_channels(fixture: &dyn InvitationsFixture) -> CaseResult {
    invite_known_user(fixture, &[Email, Sms]).await
}

pub(super) async fn each_call_sends_an_invitation(fixture: &dyn InvitationsFixture) -> CaseResult {
    for channel in [Email, Email, Sms, Email] {
        invite_known_user(fixture, &[channel]).await?;
    }
    Ok(())
}

pub(super) async fn rejects_unknown_username(fixture: &dyn InvitationsFixture) -> CaseResult {
    for (username, channel) in [(unique_email(), Email), (random_phone(), Sms)] {
        let before = fixture.invitations_sent_to(&username);
        let result = send(fixture, &username, &[channel]).await?;
        let checked = "inviting an unknown username";
        let kinds = [ErrorKind::NotFound, ErrorKind::Rejected];
        ensure_field_rejected(fixture, "username", checked, result, &kinds)?;
        let after = fixture.invitations_sent_to(&username);
        ensure_eq("the invitations to an unknown username", &after, &before)?;
    }
    Ok(())
}
