//! Strategies for invitations.

use std::fmt;

use carium::invitations::NotificationChannel;
use carium::{Error, NewInvitation};
use proptest::prelude::*;

use super::expect_valid;
use super::invalid::{Defects, Invalid};
use super::people::{email, phone};
use super::strings::one_of;

/// The arguments of [`NewInvitation::new`]. An invitation has no builder, so this type takes its place in
/// [`Invalid`].
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationInput {
    /// The username of the user to invite.
    pub username: String,
    /// The channels to send the invitation by.
    pub channels: Vec<NotificationChannel>,
}

impl InvitationInput {
    /// Builds the invitation.
    ///
    /// # Errors
    /// Returns the errors of [`NewInvitation::new`].
    pub fn build(self) -> Result<NewInvitation, Error> {
        NewInvitation::new(&self.username, self.channels)
    }
}

/// Hides the username, which is an email address or a phone, as `carium` does.
impl fmt::Debug for InvitationInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationInput").field("channels", &self.channels).finish_non_exhaustive()
    }
}

/// Generates valid invitations, by email, by SMS or by both, to an email address or a phone.
pub fn new_invitation() -> impl Strategy<Value = NewInvitation> + Clone {
    invitation_input().prop_map(|input| expect_valid(input.build()))
}

/// Generates invitations that are invalid for exactly one reason. [`InvitationInput::build`] returns an error that
/// names the field and no other.
///
/// | field | defects |
/// | --- | --- |
/// | `username` | blank |
/// | `notifications` | empty |
pub fn invalid_invitation() -> impl Strategy<Value = Invalid<InvitationInput>> + Clone {
    let blank = one_of(&["", " ", "\t", "\u{3000}"]);
    Defects::of(invitation_input())
        .with_value("username", "blank", blank, |input, username| InvitationInput { username, ..input })
        .with("notifications", "empty", |input| InvitationInput { channels: Vec::new(), ..input })
        .any()
        .boxed()
}

fn invitation_input() -> impl Strategy<Value = InvitationInput> + Clone {
    let (email_only, sms_only) = (vec![NotificationChannel::Email], vec![NotificationChannel::Sms]);
    let both = vec![NotificationChannel::Email, NotificationChannel::Sms];
    let channels = prop::sample::select(vec![email_only, sms_only, both]);
    (prop_oneof![email(), phone()], channels)
        .prop_map(|(username, channels)| InvitationInput { username, channels })
        .boxed()
}
