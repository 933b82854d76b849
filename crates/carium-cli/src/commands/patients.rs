//! `carium patients`.

use carium::patients::{Gender, IndividualGroupId, Locale};
use clap::{Args, Subcommand};

use crate::connection::connect;
use crate::exit::CliError;
use crate::output::{self, record};
use crate::settings::Settings;

/// Patients.
#[derive(Debug, Subcommand)]
pub(crate) enum Patients {
    /// Create a patient
    Create(Create),
}

/// Create a patient
///
/// Prints their id, which names them in every other command. An e-mail address or a mobile phone is needed. They are not
/// invited yet: see `carium invitations send`. A creation that was not answered is not repeated, and ends with 8.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium patients create --first-name James --last-name Reece --gender male \\
      --birth-date 1980-07-04 --email james.reece@example.com
  carium --sandbox --output json patients create --first-name Ana \\
      --last-name Núñez --gender female --birth-date 1992-02-29 \\
      --mobile-phone +15555550123 --locale es_US

What is written on a command line can be read by others on the machine.
`carium api create_patient --body FILE` takes the same from a file.")]
pub(crate) struct Create {
    /// The first name
    #[arg(long, value_name = "NAME")]
    first_name: String,
    /// The last name
    #[arg(long, value_name = "NAME")]
    last_name: String,
    /// The date of birth, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    birth_date: String,
    /// The gender: male, female, pnta (prefers not to answer), other or unknown
    #[arg(long, value_name = "GENDER", value_parser = gender)]
    gender: Gender,
    /// The e-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The mobile phone, in the form of E.164: +15551234567
    #[arg(long, value_name = "NUMBER")]
    mobile_phone: Option<String>,
    /// The language: en_US or es_US [default: en_US]
    #[arg(long, value_name = "LOCALE", value_parser = locale)]
    locale: Option<Locale>,
    /// A group that the patient belongs to; may be given more than once
    #[arg(long = "individual-group-id", value_name = "ID")]
    groups: Vec<IndividualGroupId>,
    /// What the patient signs in with: the e-mail address or the phone given here
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
}

fn gender(text: &str) -> Result<Gender, &'static str> {
    text.parse().map_err(|_| "write male, female, pnta, other or unknown")
}

fn locale(text: &str) -> Result<Locale, &'static str> {
    text.parse().map_err(|_| "write en_US or es_US")
}

impl Patients {
    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let Self::Create(create) = self;
        let connection = connect(settings).await?;
        let mut patient = connection
            .client
            .new_patient()
            .first_name(create.first_name)
            .last_name(create.last_name)
            .birth_date(create.birth_date)
            .gender(create.gender)
            .groups(create.groups);
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
        let id = connection.client.patients().create(patient).await?;
        let created = record([("individual-id", Some(id.to_string())), ("username", Some(username))]);
        output::one(settings.format, created)
    }
}
