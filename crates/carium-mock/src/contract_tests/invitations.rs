//! What [`Invitations`](carium::Invitations) promises.

use carium::invitations::NotificationChannel::{Email, Sms};
use carium::invitations::{NewInvitation, NotificationChannel};
use carium::{Error, ErrorKind};

use super::InvitationsFixture;
use super::finding::{Outcome, done, refused_for, same};
use super::inputs::{email, phone};

type Subject<'a> = &'a dyn InvitationsFixture;

async fn send(
    subject: Subject<'_>,
    username: &str,
    channels: &[NotificationChannel],
) -> Outcome<Result<(), Error>> {
    let invitation = NewInvitation::new(username, channels.iter().copied());
    Ok(subject.invitations().send(done("describing an invitation", invitation)?).await)
}

/// Someone who can be invited is, in these ways and no others.
async fn is_sent(subject: Subject<'_>, channels: &[NotificationChannel]) -> Outcome {
    let username = subject.username();
    let before = subject.invitations_sent_to(&username);
    done("inviting someone who is known", send(subject, &username, channels).await?)?;
    let (Some(mut expected), Some(sent)) = (before, subject.invitations_sent_to(&username)) else {
        return Ok(());
    };
    expected.push(channels.to_vec());
    let count = |sent: &[_]| format!("{} invitations", sent.len());
    same("how many invitations were sent", &count(&sent), &count(&expected))?;
    let in_order = |mut channels: Vec<NotificationChannel>| {
        channels.sort_unstable();
        channels
    };
    let last = |sent: Vec<Vec<_>>| sent.into_iter().next_back().map(in_order);
    same("the ways in which the last invitation was sent", &last(sent), &last(expected))
}

pub(super) async fn who_is_known_is_invited_by_email(subject: Subject<'_>) -> Outcome {
    is_sent(subject, &[Email]).await
}

pub(super) async fn who_is_known_is_invited_by_sms(subject: Subject<'_>) -> Outcome {
    is_sent(subject, &[Sms]).await
}

pub(super) async fn who_is_known_is_invited_in_both_ways(subject: Subject<'_>) -> Outcome {
    is_sent(subject, &[Email, Sms]).await
}

pub(super) async fn each_call_sends_an_invitation(subject: Subject<'_>) -> Outcome {
    for channel in [Email, Email, Sms, Email] {
        is_sent(subject, &[channel]).await?;
    }
    Ok(())
}

pub(super) async fn who_is_not_known_is_not_invited(subject: Subject<'_>) -> Outcome {
    for (username, channel) in [(email(), Email), (phone(), Sms)] {
        let before = subject.invitations_sent_to(&username);
        let result = send(subject, &username, &[channel]).await?;
        let at = "inviting someone who is not known";
        refused_for(subject, "username", at, result, &[ErrorKind::NotFound, ErrorKind::Rejected])?;
        let after = subject.invitations_sent_to(&username);
        same("the invitations to someone who is not known", &after, &before)?;
    }
    Ok(())
}
