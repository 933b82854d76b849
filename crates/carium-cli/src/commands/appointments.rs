//! `carium appointments`.

use carium::appointments::{Appointment, AppointmentId, AppointmentUpdate, IndividualId};
use carium::{Change, DateTime};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::lookups::Lookup;
use crate::connection::connect;
use crate::error::CliError;
use crate::output;
use crate::settings::Settings;

/// The commands for appointments.
#[derive(Debug, Subcommand)]
pub(crate) enum AppointmentsCommand {
    Create(Box<CreateAppointment>),
    Get(GetAppointment),
    Update(Box<UpdateAppointment>),
    Delete(DeleteAppointment),
}

/// Book an appointment
///
/// Prints the ID of the appointment. The practitioner, type and status are given by ID or name. If the response is
/// lost, the call is not retried and the exit code is 8.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox appointments create \\
      --patient aa6243fb-e4c1-44a0-ae3c-f4c4ab115002 \\
      --practitioner 'Dr. Quill' --type 'Video visit' --status Scheduled \\
      --start 2030-01-01T09:00:00Z --end 2030-01-01T09:30:00Z --video-channel")]
pub(crate) struct CreateAppointment {
    /// Patient
    #[arg(long, value_name = "ID")]
    patient: IndividualId,
    /// Practitioner
    #[arg(long, value_name = "ID|NAME")]
    practitioner: String,
    /// Appointment type
    #[arg(long = "type", value_name = "ID|NAME")]
    appointment_type: String,
    /// Appointment status
    #[arg(long, value_name = "ID|NAME")]
    status: String,
    /// Start time in UTC
    #[arg(long, value_name = "TIME")]
    start: DateTime,
    /// End time in UTC
    #[arg(long, value_name = "TIME")]
    end: DateTime,
    /// Create a video channel for the appointment
    #[arg(long)]
    video_channel: bool,
    #[command(flatten)]
    details: DetailsArgs,
}

// Optional fields of an appointment. This is not a doc comment because clap would use it as the help of the command.
#[derive(Args, Debug)]
struct DetailsArgs {
    /// URL at which the patient joins the call, if there is no video channel
    #[arg(long, value_name = "URL")]
    guest_url: Option<String>,
    /// URL at which the practitioner joins the call, if there is no video channel
    #[arg(long, value_name = "URL")]
    host_url: Option<String>,
    /// Description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Instructions for the patient
    #[arg(long, value_name = "TEXT")]
    patient_instruction: Option<String>,
    /// Location
    #[arg(long, value_name = "TEXT")]
    location: Option<String>,
}

/// Read an appointment
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox appointments get aa6243fb-e4c1-44a0-ae3c-f4c4ab115002
  carium appointments get aa6243fb-e4c1-44a0-ae3c-f4c4ab115002 -o json")]
pub(crate) struct GetAppointment {
    /// ID of the appointment
    id: AppointmentId,
}

/// Reschedule or change an appointment
///
/// Changes the given fields and keeps all others. Prints the updated appointment.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox appointments update aa6243fb-e4c1-44a0-ae3c-f4c4ab115002 \\
      --start 2030-01-01T10:00:00Z --end 2030-01-01T10:30:00Z
  carium appointments update aa6243fb-e4c1-44a0-ae3c-f4c4ab115002 \\
      --location 'Room 4' --clear description")]
pub(crate) struct UpdateAppointment {
    /// ID of the appointment
    id: AppointmentId,
    /// New practitioner
    #[arg(long, value_name = "ID|NAME")]
    practitioner: Option<String>,
    /// New appointment type
    #[arg(long = "type", value_name = "ID|NAME")]
    appointment_type: Option<String>,
    /// New appointment status
    #[arg(long, value_name = "ID|NAME")]
    status: Option<String>,
    /// New start time in UTC. Requires `--end`
    #[arg(long, value_name = "TIME", requires = "end")]
    start: Option<DateTime>,
    /// New end time in UTC. Requires `--start`
    #[arg(long, value_name = "TIME", requires = "start")]
    end: Option<DateTime>,
    /// Whether the appointment has a video channel
    #[arg(long, value_name = "true|false")]
    video_channel: Option<bool>,
    #[command(flatten)]
    details: DetailsArgs,
    /// Clear a field: guest-url, host-url, description, patient-instruction or location. Can be passed more than once
    #[arg(long, value_name = "FIELD", hide_possible_values = true)]
    #[arg(value_parser = ["guest-url", "host-url", "description", "patient-instruction", "location"])]
    clear: Vec<String>,
}

/// Delete an appointment
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  carium --sandbox appointments delete aa6243fb-e4c1-44a0-ae3c-f4c4ab115002")]
pub(crate) struct DeleteAppointment {
    /// ID of the appointment
    id: AppointmentId,
}

impl AppointmentsCommand {
    pub(crate) fn may_change_data(&self) -> bool {
        !matches!(self, Self::Get(_))
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        match self {
            Self::Create(create) => create.run(settings).await,
            Self::Get(GetAppointment { id }) => {
                let connection = connect(settings).await?;
                let appointment = connection.client.appointments().get(id).await?;
                output::write_record(settings.format, &to_record(&appointment))
            }
            Self::Update(update) => update.run(settings).await,
            Self::Delete(DeleteAppointment { id }) => {
                let connection = connect(settings).await?;
                connection.client.appointments().delete(id).await?;
                output::write_record(settings.format, &json!({"id": id, "deleted": true}))
            }
        }
    }
}

impl CreateAppointment {
    async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let connection = connect(settings).await?;
        let client = &connection.client;
        let mut appointment = client
            .new_appointment()
            .patient(self.patient)
            .practitioner(Lookup::Practitioners.find(client, &self.practitioner).await?)
            .appointment_type(Lookup::AppointmentTypes.find(client, &self.appointment_type).await?)
            .status(Lookup::AppointmentStatuses.find(client, &self.status).await?)
            .between(self.start, self.end);
        if self.video_channel {
            appointment = appointment.add_video_channel();
        }
        let details = self.details;
        if let Some(url) = details.guest_url {
            appointment = appointment.guest_url(url);
        }
        if let Some(url) = details.host_url {
            appointment = appointment.host_url(url);
        }
        if let Some(text) = details.description {
            appointment = appointment.description(text);
        }
        if let Some(text) = details.patient_instruction {
            appointment = appointment.patient_instruction(text);
        }
        if let Some(text) = details.location {
            appointment = appointment.location(text);
        }
        let id = client.appointments().create(appointment.build()?).await?;
        output::keep_created(output::write_record(settings.format, &json!({"id": id})), [id])
    }
}

impl UpdateAppointment {
    async fn run(self, settings: &Settings) -> Result<(), CliError> {
        let connection = connect(settings).await?;
        let client = &connection.client;
        let mut update = AppointmentUpdate::default();
        if let (Some(start), Some(end)) = (self.start, self.end) {
            update = update.between(start, end);
        }
        if let Some(practitioner) = &self.practitioner {
            update = update.practitioner(Lookup::Practitioners.find(client, practitioner).await?);
        }
        if let Some(appointment_type) = &self.appointment_type {
            update = update.appointment_type(Lookup::AppointmentTypes.find(client, appointment_type).await?);
        }
        if let Some(status) = &self.status {
            update = update.status(Lookup::AppointmentStatuses.find(client, status).await?);
        }
        if let Some(has_channel) = self.video_channel {
            update = update.video_channel(has_channel);
        }
        let change = |field: &str, value: Option<String>| match value {
            Some(text) => Change::Set(text),
            None if self.clear.iter().any(|cleared| cleared == field) => Change::Clear,
            None => Change::Keep,
        };
        let details = self.details;
        let update = update
            .guest_url(change("guest-url", details.guest_url))
            .host_url(change("host-url", details.host_url))
            .description(change("description", details.description))
            .patient_instruction(change("patient-instruction", details.patient_instruction))
            .location(change("location", details.location));
        let appointment = client.appointments().update(self.id, update).await?;
        output::write_record(settings.format, &to_record(&appointment))
    }
}

fn to_record(appointment: &Appointment) -> Value {
    json!({
        "id": appointment.id,
        "organization-id": appointment.organization,
        "individual-id": appointment.patient,
        "practitioner-id": appointment.practitioner,
        "status-id": appointment.status,
        "type-id": appointment.appointment_type,
        "start-time": appointment.start,
        "end-time": appointment.end,
        "guest-url": appointment.guest_url,
        "host-url": appointment.host_url,
        "description": appointment.description,
        "patient-instruction": appointment.patient_instruction,
        "location": appointment.location,
        "add-video-channel": appointment.has_video_channel,
    })
}
