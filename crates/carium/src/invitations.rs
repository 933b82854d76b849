//! Invitations: asking a patient to use the web and mobile applications.

use async_trait::async_trait;
pub use carium_api::types::NotificationChannel;
use carium_api::types::{self, Username};
use carium_api::{Client, ClientIdentityExt as _, operations};

use crate::error::Error;
use crate::outcome;
use crate::problem::Problem;

/// Sending invitations.
#[async_trait]
pub trait Invitations: Send + Sync {
    /// Invites a patient who is on record. Each call sends a message, the first as well as later ones.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) was ruled out when the invitation was made.
    /// - [`Rejected`](crate::ErrorKind::Rejected) or [`NotFound`](crate::ErrorKind::NotFound): the service does
    ///   not know the username, or the patient has no such address.
    /// - Any with [`may_have_been_applied`](Error::may_have_been_applied): the message may be on its way.
    async fn send(&self, invitation: NewInvitation) -> Result<(), Error>;
}

/// An invitation that can be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct NewInvitation(types::NewInvitation);

impl NewInvitation {
    /// Invites the patient with this username, in these ways: by e-mail, by SMS or both. One is usual.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput): the username is empty, or there is no way; all of it
    /// is named.
    pub fn new(
        username: &str,
        channels: impl IntoIterator<Item = NotificationChannel>,
    ) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut notifications: Vec<_> = channels.into_iter().collect();
        notifications.sort_unstable();
        notifications.dedup();
        if notifications.is_empty() {
            problems.push(Problem::new("notifications", "is empty: give `email`, `sms` or both"));
        }
        // Blanks are nobody's username: it is an address or a phone.
        let username = Username::try_from(username).ok().filter(|_| !username.trim().is_empty());
        if username.is_none() {
            problems.push(Problem::new("username", "is empty"));
        }
        match username {
            Some(username) if problems.is_empty() => {
                Ok(Self(types::required::NewInvitation { username, notifications }.into()))
            }
            _ => Err(Error::invalid("the invitation cannot be sent as given", problems)),
        }
    }

    /// By e-mail.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn by_email(username: &str) -> Result<Self, Error> {
        Self::new(username, [NotificationChannel::Email])
    }

    /// By SMS.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn by_sms(username: &str) -> Result<Self, Error> {
        Self::new(username, [NotificationChannel::Sms])
    }

    /// All of it, as it is sent.
    pub fn attributes(&self) -> &types::NewInvitation {
        &self.0
    }
}

/// The service, over the client.
pub(crate) struct ApiInvitations(pub(crate) Client);

#[async_trait]
impl Invitations for ApiInvitations {
    async fn send(&self, invitation: NewInvitation) -> Result<(), Error> {
        let data = types::required::InvitationData { attributes: invitation.0 }.into();
        let answered =
            self.0.resend_invitation().body(types::required::InvitationRequest { data }).send().await;
        outcome::of(&operations::RESEND_INVITATION, answered).map(drop)
    }
}
