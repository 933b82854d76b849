//! Inviting patients to the Carium web and mobile applications.

use async_trait::async_trait;
pub use carium_api::types::NotificationChannel;
use carium_api::types::{self, Username};
use carium_api::{Client, ClientIdentityExt as _, operations};

use crate::api_result;
use crate::error::Error;
use crate::problem::Problem;

/// The interface for invitations.
///
/// [`Carium::invitations`](crate::Carium::invitations) returns the implementation for the Carium API.
#[async_trait]
pub trait Invitations: Send + Sync {
    /// Invites an existing patient. Each call sends a new message, also if the patient was invited before.
    ///
    /// # Errors
    /// - [`Rejected`](crate::ErrorKind::Rejected) or [`NotFound`](crate::ErrorKind::NotFound): no patient has
    ///   this username, or the patient has no address for a requested channel.
    /// - Any kind with [`may_have_been_applied`](Error::may_have_been_applied): the message may have been sent.
    async fn send(&self, invitation: NewInvitation) -> Result<(), Error>;
}

/// An invitation to send.
#[derive(Clone, Debug, PartialEq)]
pub struct NewInvitation(types::NewInvitation);

impl NewInvitation {
    /// Creates an invitation for the patient with this username, by email, by SMS or by both.
    ///
    /// # Errors
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if the username is blank or there is no
    /// channel. [`Error::problems`] lists both.
    pub fn new(
        username: &str,
        channels: impl IntoIterator<Item = NotificationChannel>,
    ) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut notifications: Vec<_> = channels.into_iter().collect();
        notifications.sort_unstable();
        notifications.dedup();
        if notifications.is_empty() {
            problems
                .push(Problem::new("notifications", "is empty").with_hint("specify `email`, `sms` or both"));
        }
        // A username is an email address or a phone number, so it cannot be blank.
        let username = Username::try_from(username).ok().filter(|_| !username.trim().is_empty());
        if username.is_none() {
            problems.push(Problem::new("username", "is empty"));
        }
        match username {
            Some(username) if problems.is_empty() => {
                Ok(Self(types::required::NewInvitation { username, notifications }.into()))
            }
            _ => Err(Error::invalid("the invitation is invalid", problems)),
        }
    }

    /// Creates an invitation by email.
    ///
    /// # Errors
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if the username is blank.
    pub fn by_email(username: &str) -> Result<Self, Error> {
        Self::new(username, [NotificationChannel::Email])
    }

    /// Creates an invitation by SMS.
    ///
    /// # Errors
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if the username is blank.
    pub fn by_sms(username: &str) -> Result<Self, Error> {
        Self::new(username, [NotificationChannel::Sms])
    }

    /// Returns the attributes as they are sent to the API.
    pub fn attributes(&self) -> &types::NewInvitation {
        &self.0
    }
}

/// The implementation of [`Invitations`] for the Carium API.
pub(crate) struct ApiInvitations(pub(crate) Client);

#[async_trait]
impl Invitations for ApiInvitations {
    async fn send(&self, invitation: NewInvitation) -> Result<(), Error> {
        let data = types::required::InvitationData { attributes: invitation.0 }.into();
        let result =
            self.0.resend_invitation().body(types::required::InvitationRequest { data }).send().await;
        api_result::convert_empty_result(&operations::RESEND_INVITATION, result)
    }
}
