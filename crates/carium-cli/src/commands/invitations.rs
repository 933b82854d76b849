//! `carium invitations`.

use carium::NewInvitation;
use carium::invitations::NotificationChannel;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::connection::connect;
use crate::exit::CliError;
use crate::output::{self, record};
use crate::settings::Settings;

/// Invitations to patients.
#[derive(Debug, Subcommand)]
pub(crate) enum Invitations {
    /// Invite a patient to the web and mobile applications
    Send(Send),
}

/// Invite a patient to the web and mobile applications
///
/// Each time it is run it sends a message. The patient has to be on record.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium invitations send james.reece@example.com
  carium invitations send +15551234567 --by sms
  carium --sandbox invitations send example@example.com --by email --by sms")]
pub(crate) struct Send {
    /// The patient's username: their e-mail address or their phone
    #[arg(value_name = "USERNAME")]
    username: String,
    /// The way: email or sms; may be given more than once [default: email, or sms for a phone]
    #[arg(long, value_name = "WAY", value_parser = way)]
    by: Vec<NotificationChannel>,
}

fn way(text: &str) -> Result<NotificationChannel, &'static str> {
    text.parse().map_err(|_| "write email or sms")
}

impl Invitations {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let Self::Send(Send { username, by }) = self;
        let ways = match by.as_slice() {
            [] if username.starts_with('+') => vec![NotificationChannel::Sms],
            [] => vec![NotificationChannel::Email],
            _ => by,
        };
        let invitation = NewInvitation::new(&username, ways)?;
        let ways =
            invitation.attributes().notifications.iter().map(|way| Value::String(way.to_string())).collect();
        let connection = connect(settings).await?;
        connection.client.invitations().send(invitation).await?;
        let mut sent = record([("username", Some(username))]);
        sent.insert("notifications".to_owned(), Value::Array(ways));
        output::one(settings.format, sent)
    }
}
