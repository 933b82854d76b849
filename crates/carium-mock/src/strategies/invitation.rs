//! Invitations.

use std::fmt;

use carium::invitations::NotificationChannel;
use carium::{Error, NewInvitation};
use proptest::prelude::*;

use super::built;
use super::invalid::{Invalid, Ways};
use super::people::{email, phone};
use super::words::one_of;

/// What an invitation is made of. It has no builder, so this holds what would be given to
/// [`NewInvitation::new`].
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationInput {
    /// The username of whom to invite.
    pub username: String,
    /// In which ways.
    pub channels: Vec<NotificationChannel>,
}

impl InvitationInput {
    /// The invitation, if it can be sent.
    ///
    /// # Errors
    /// Those of [`NewInvitation::new`].
    pub fn build(self) -> Result<NewInvitation, Error> {
        NewInvitation::new(&self.username, self.channels)
    }
}

/// As `carium` prints it: a username is an address.
impl fmt::Debug for InvitationInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationInput").field("channels", &self.channels).finish_non_exhaustive()
    }
}

/// An invitation that can be sent: by e-mail, by SMS or both, to an address or a phone.
pub fn new_invitation() -> impl Strategy<Value = NewInvitation> + Clone {
    parts().prop_map(|parts| built(parts.build()))
}

/// An invitation that is wrong in one way. [`InvitationInput::build`] names that field and no other.
///
/// | field | ways |
/// | --- | --- |
/// | `username` | blank |
/// | `notifications` | empty |
pub fn invalid_invitation() -> impl Strategy<Value = Invalid<InvitationInput>> + Clone {
    Ways::of(parts())
        .with("username", "blank", one_of(&["", " ", "\t", "\u{3000}"]), |parts, username| InvitationInput {
            username,
            ..parts
        })
        .by("notifications", "empty", |parts| InvitationInput { channels: Vec::new(), ..parts })
        .any()
        .boxed()
}

fn parts() -> impl Strategy<Value = InvitationInput> + Clone {
    let (email_only, sms) = (vec![NotificationChannel::Email], vec![NotificationChannel::Sms]);
    let both = vec![NotificationChannel::Email, NotificationChannel::Sms];
    let channels = prop::sample::select(vec![email_only, sms, both]);
    (prop_oneof![email(), phone()], channels)
        .prop_map(|(username, channels)| InvitationInput { username, channels })
        .boxed()
}
