//! `carium appointments`.

use carium::appointments::{Appointment, AppointmentId, AppointmentUpdate, IndividualId};
use carium::{Change, DateTime};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::connection::connect;
use crate::exit::CliError;
use crate::names;
use crate::output::{self, Record, record};
use crate::settings::Settings;

/// Appointments.
#[derive(Debug, Subcommand)]
pub(crate) enum Appointments {
    /// Book an appointment
    Create(Box<Create>),
    /// Read an appointment
    Get(Get),
    /// Move or change an appointment
    Update(Box<Update>),
    /// Delete an appointment
    Delete(Delete),
}

/// Book an appointment
///
/// Prints its id. Practitioner, type and status are ids or names. A booking that was not answered is not repeated, and
/// ends with 8.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox appointments create \\
      --patient aa6243fb-e4c1-44a0-ae3c-f4c4ab115002 \\
      --practitioner 'Dr. Quill' --type 'Video visit' --status Scheduled \\
      --start 2030-01-01T09:00:00Z --end 2030-01-01T09:30:00Z --video-channel")]
pub(crate) struct Create {
    /// The patient
    #[arg(long, value_name = "ID")]
    patient: IndividualId,
    /// The practitioner
    #[arg(long, value_name = "ID|NAME")]
    practitioner: String,
    /// The type
    #[arg(long = "type", value_name = "ID|NAME")]
    kind: String,
    /// The status
    #[arg(long, value_name = "ID|NAME")]
    status: String,
    /// When it starts, in UTC
    #[arg(long, value_name = "TIME")]
    start: DateTime,
    /// When it ends, in UTC
    #[arg(long, value_name = "TIME")]
    end: DateTime,
    /// Attach a video channel of the platform
    #[arg(long)]
    video_channel: bool,
    #[command(flatten)]
    texts: Texts,
}

// What an appointment says of itself. No words for the help: they would take the place of the command's own.
#[derive(Args, Debug)]
struct Texts {
    /// Where the patient joins the call, without the platform's video channel
    #[arg(long, value_name = "URL")]
    guest_url: Option<String>,
    /// Where the practitioner joins the call, without the platform's video channel
    #[arg(long, value_name = "URL")]
    host_url: Option<String>,
    /// What it is about
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Instructions for the patient
    #[arg(long, value_name = "TEXT")]
    patient_instruction: Option<String>,
    /// Where it takes place
    #[arg(long, value_name = "TEXT")]
    location: Option<String>,
}

/// Read an appointment
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox appointments get aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium appointments get aa6243fb-e4c1-44a0-ae3c-f4c4ab115002 -o json")]
pub(crate) struct Get {
    /// The appointment
    id: AppointmentId,
}

/// Move or change an appointment
///
/// What is not given stays as it is. Prints the appointment as it is then.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox appointments update aa6243fb-e4c1-44a0-ae3c-f4c4ab115002 \\
      --start 2030-01-01T10:00:00Z --end 2030-01-01T10:30:00Z
  carium appointments update aa6243fb-e4c1-44a0-ae3c-f4c4ab115002 \\
      --location 'Room 4' --clear description")]
pub(crate) struct Update {
    /// The appointment
    id: AppointmentId,
    /// Another practitioner
    #[arg(long, value_name = "ID|NAME")]
    practitioner: Option<String>,
    /// Another type
    #[arg(long = "type", value_name = "ID|NAME")]
    kind: Option<String>,
    /// Another status
    #[arg(long, value_name = "ID|NAME")]
    status: Option<String>,
    /// When it starts, in UTC; with `--end`
    #[arg(long, value_name = "TIME", requires = "end")]
    start: Option<DateTime>,
    /// When it ends, in UTC; with `--start`
    #[arg(long, value_name = "TIME", requires = "start")]
    end: Option<DateTime>,
    /// Attach a video channel of the platform, or do without
    #[arg(long, value_name = "true|false")]
    video_channel: Option<bool>,
    #[command(flatten)]
    texts: Texts,
    /// Clear a field: guest-url, host-url, description, patient-instruction or location
    #[arg(long, value_name = "FIELD", hide_possible_values = true)]
    #[arg(value_parser = ["guest-url", "host-url", "description", "patient-instruction", "location"])]
    clear: Vec<String>,
}

/// Delete an appointment
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox appointments delete aa6243fb-e4c1-44a0-ae3c-f4c4ab115002")]
pub(crate) struct Delete {
    /// The appointment
    id: AppointmentId,
}

impl Appointments {
    pub(crate) fn changes_something(&self) -> bool {
        !matches!(self, Self::Get(_))
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        match self {
            Self::Create(create) => create.run(settings).await,
            Self::Get(Get { id }) => {
                let connection = connect(settings).await?;
                let appointment = connection.client.appointments().get(id).await?;
                output::one(settings.format, shown(&appointment))
            }
            Self::Update(update) => update.run(settings).await,
            Self::Delete(Delete { id }) => {
                let connection = connect(settings).await?;
                connection.client.appointments().delete(id).await?;
                let mut deleted = record([("id", Some(id.to_string()))]);
                deleted.insert("deleted".to_owned(), Value::Bool(true));
                output::one(settings.format, deleted)
            }
        }
    }
}

impl Create {
    async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let connection = connect(settings).await?;
        let client = &connection.client;
        let mut appointment = client
            .new_appointment()
            .patient(self.patient)
            .practitioner(names::practitioner(client, &self.practitioner).await?)
            .appointment_type(names::kind(client, &self.kind).await?)
            .status(names::status(client, &self.status).await?)
            .between(self.start, self.end);
        if self.video_channel {
            appointment = appointment.add_video_channel();
        }
        let texts = self.texts;
        if let Some(url) = texts.guest_url {
            appointment = appointment.guest_url(url);
        }
        if let Some(url) = texts.host_url {
            appointment = appointment.host_url(url);
        }
        if let Some(text) = texts.description {
            appointment = appointment.description(text);
        }
        if let Some(text) = texts.patient_instruction {
            appointment = appointment.patient_instruction(text);
        }
        if let Some(text) = texts.location {
            appointment = appointment.location(text);
        }
        let id = client.appointments().create(appointment.build()?).await?;
        output::one(settings.format, record([("id", Some(id.to_string()))]))
    }
}

impl Update {
    async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let connection = connect(settings).await?;
        let client = &connection.client;
        let mut update = AppointmentUpdate::default();
        if let (Some(start), Some(end)) = (self.start, self.end) {
            update = update.between(start, end);
        }
        if let Some(text) = &self.practitioner {
            update = update.practitioner(names::practitioner(client, text).await?);
        }
        if let Some(text) = &self.kind {
            update = update.appointment_type(names::kind(client, text).await?);
        }
        if let Some(text) = &self.status {
            update = update.status(names::status(client, text).await?);
        }
        if let Some(attach) = self.video_channel {
            update = update.video_channel(attach);
        }
        let change = |field: &str, given: Option<String>| match given {
            Some(text) => Change::Set(text),
            None if self.clear.iter().any(|cleared| cleared == field) => Change::Clear,
            None => Change::Keep,
        };
        let texts = self.texts;
        let update = update
            .guest_url(change("guest-url", texts.guest_url))
            .host_url(change("host-url", texts.host_url))
            .description(change("description", texts.description))
            .patient_instruction(change("patient-instruction", texts.patient_instruction))
            .location(change("location", texts.location));
        let appointment = client.appointments().update(self.id, update).await?;
        output::one(settings.format, shown(&appointment))
    }
}

fn shown(appointment: &Appointment) -> Record {
    let Appointment { guest_url, host_url, description, patient_instruction, location, .. } = appointment;
    let mut shown = record([
        ("id", Some(appointment.id.to_string())),
        ("organization-id", appointment.organization.map(|id| id.to_string())),
        ("individual-id", appointment.patient.map(|id| id.to_string())),
        ("practitioner-id", appointment.practitioner.map(|id| id.to_string())),
        ("status-id", appointment.status.map(|id| id.to_string())),
        ("type-id", appointment.appointment_type.map(|id| id.to_string())),
        ("start-time", appointment.start.map(|time| time.to_string())),
        ("end-time", appointment.end.map(|time| time.to_string())),
        ("guest-url", guest_url.clone()),
        ("host-url", host_url.clone()),
        ("description", description.clone()),
        ("patient-instruction", patient_instruction.clone()),
        ("location", location.clone()),
    ]);
    shown.insert(
        "add-video-channel".to_owned(),
        appointment.has_video_channel.map_or(Value::Null, Value::Bool),
    );
    shown
}
