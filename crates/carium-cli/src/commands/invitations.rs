//! `carium invitations`.

use carium::NewInvitation;
use carium::invitations::NotificationChannel;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::connection::connect;
use crate::error::CliError;
use crate::output::{self, record};
use crate::settings::Settings;

/// The commands for invitations.
#[derive(Debug, Subcommand)]
pub(crate) enum InvitationsCommand {
    Send(SendInvitation),
}

/// Invite a patient to the web and mobile applications
///
/// Sends a message each time it is run. The patient must exist.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium invitations send james.reece@example.com
  carium invitations send +15551234567 --by sms
  carium --sandbox invitations send example@example.com --by email --by sms")]
pub(crate) struct SendInvitation {
    /// Username of the patient: an email address or a phone number
    #[arg(value_name = "USERNAME")]
    username: String,
    /// Channel of the message: email or sms. Can be passed more than once. Defaults to sms for a phone number, and to
    /// email otherwise
    #[arg(long, value_name = "CHANNEL", value_parser = parse_channel)]
    by: Vec<NotificationChannel>,
}

fn parse_channel(text: &str) -> Result<NotificationChannel, &'static str> {
    text.parse().map_err(|_| "expected email or sms")
}

impl InvitationsCommand {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let Self::Send(SendInvitation { username, by }) = self;
        let channels = match by.as_slice() {
            [] if username.starts_with('+') => vec![NotificationChannel::Sms],
            [] => vec![NotificationChannel::Email],
            _ => by,
        };
        let invitation = NewInvitation::new(&username, channels)?;
        let notifications = invitation
            .attributes()
            .notifications
            .iter()
            .map(|channel| Value::String(channel.to_string()))
            .collect();
        let connection = connect(settings).await?;
        connection.client.invitations().send(invitation).await?;
        let mut sent = record([("username", Some(username))]);
        sent.insert("notifications".to_owned(), Value::Array(notifications));
        output::write_record(settings.format, sent)
    }
}
