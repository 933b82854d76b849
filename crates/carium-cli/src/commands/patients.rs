//! `carium patients` and `carium invitations`.

use carium::NewInvitation;
use carium::invitations::NotificationChannel;
use carium::patients::{Gender, Locale};
use clap::{Args, Subcommand};
use serde_json::json;

use super::lookups::Lookup;
use crate::connection::connect;
use crate::error::CliError;
use crate::output;
use crate::settings::Settings;

/// The commands for patients.
#[derive(Debug, Subcommand)]
pub(crate) enum PatientsCommand {
    Create(CreatePatient),
}

/// Create a patient
///
/// Prints the patient's ID, which other commands take. An email address or a mobile phone number is required. The
/// patient is not invited: see `carium invitations send`. If the response is lost, the call is not retried and the
/// exit code is 8.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium patients create --first-name James --last-name Reece --gender male \\
      --birth-date 1980-07-04 --email james.reece@example.com
  carium --sandbox --output json patients create --first-name Ana \\
      --last-name Núñez --gender female --birth-date 1992-02-29 \\
      --mobile-phone +15555550123 --locale es_US

Other users of the machine can read command lines. To pass the patient's data
in a file, use `carium api create_patient --body FILE`.")]
pub(crate) struct CreatePatient {
    /// First name
    #[arg(long, value_name = "NAME")]
    first_name: String,
    /// Last name
    #[arg(long, value_name = "NAME")]
    last_name: String,
    /// Date of birth, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    birth_date: String,
    /// Gender: male, female, pnta (prefers not to answer), other or unknown
    #[arg(long, value_name = "GENDER", value_parser = parse_gender)]
    gender: Gender,
    /// Email address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Mobile phone number in E.164 format, such as +15551234567
    #[arg(long, value_name = "NUMBER")]
    mobile_phone: Option<String>,
    /// Language: en_US or es_US. Defaults to en_US
    #[arg(long, value_name = "LOCALE", value_parser = parse_locale)]
    locale: Option<Locale>,
    /// Group that the patient belongs to. Can be passed more than once
    #[arg(long = "group", value_name = "ID|NAME")]
    groups: Vec<String>,
    /// Username to sign in with: the email address or the phone number above. Defaults to the email
    /// address, or to the phone number if there is no email address
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
}

fn parse_gender(text: &str) -> Result<Gender, &'static str> {
    text.parse().map_err(|_| "expected male, female, pnta, other or unknown")
}

fn parse_locale(text: &str) -> Result<Locale, &'static str> {
    text.parse().map_err(|_| "expected en_US or es_US")
}

impl PatientsCommand {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let Self::Create(create) = self;
        let connection = connect(settings).await?;
        let client = &connection.client;
        let mut groups = Vec::new();
        for group in &create.groups {
            groups.push(Lookup::Groups.find(client, group).await?);
        }
        let mut patient = client
            .new_patient()
            .first_name(create.first_name)
            .last_name(create.last_name)
            .birth_date(create.birth_date)
            .gender(create.gender)
            .groups(groups);
        if let Some(email) = create.email {
            patient = patient.email(email);
        }
        if let Some(phone) = create.mobile_phone {
            patient = patient.mobile_phone(phone);
        }
        if let Some(locale) = create.locale {
            patient = patient.locale(locale);
        }
        if let Some(username) = create.username {
            patient = patient.username(username);
        }
        let patient = patient.build()?;
        let username = patient.username().to_owned();
        let id = client.patients().create(patient).await?;
        let record = json!({"individual-id": id, "username": username});
        output::keep_created(output::write_record(settings.format, &record), [id])
    }
}

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
        let notifications: Vec<_> =
            invitation.attributes().notifications.iter().map(ToString::to_string).collect();
        let connection = connect(settings).await?;
        connection.client.invitations().send(invitation).await?;
        output::write_record(settings.format, &json!({"username": username, "notifications": notifications}))
    }
}
