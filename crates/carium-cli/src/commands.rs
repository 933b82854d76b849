//! The commands, one module each.

pub(crate) mod api;
pub(crate) mod appointments;
pub(crate) mod completions;
pub(crate) mod documents;
pub(crate) mod invitations;
pub(crate) mod login;
pub(crate) mod lookups;
pub(crate) mod man;
pub(crate) mod onboard;
pub(crate) mod patients;
pub(crate) mod sandbox;
pub(crate) mod worker;

use lookups::LookupCommand;

use crate::cli::Command;
use crate::error::CliError;
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;

/// Runs a command that needs neither settings nor a runtime. Returns `None` for any other command.
pub(crate) fn run_offline(command: &Command) -> Option<Result<(), CliError>> {
    match command {
        Command::Completions(completions) => Some(completions.run()),
        Command::Man(man) => Some(man.run()),
        Command::Api(call) => call.run_offline(),
        _ => None,
    }
}

pub(crate) async fn run(command: Command, settings: &Settings) -> Result<(), CliError> {
    crate::interrupt::install_handlers();
    match command {
        Command::Login(login) => unless_interrupted(login.run(settings), false).await,
        Command::Logout(login::Logout {}) => login::Logout::run(settings),
        Command::Patients(patients) => unless_interrupted(patients.run(settings), true).await,
        Command::Invitations(invitations) => unless_interrupted(invitations.run(settings), true).await,
        Command::Appointments(appointments) => {
            let may_change_data = appointments.may_change_data();
            unless_interrupted(appointments.run(settings), may_change_data).await
        }
        Command::Practitioners(LookupCommand::List(list)) => {
            unless_interrupted(list.practitioners(settings), false).await
        }
        Command::AppointmentTypes(LookupCommand::List(list)) => {
            unless_interrupted(list.appointment_types(settings), false).await
        }
        Command::AppointmentStatuses(LookupCommand::List(list)) => {
            unless_interrupted(list.appointment_statuses(settings), false).await
        }
        // These handle interruption themselves: transfers save their state, and rows in progress are finished.
        Command::Documents(documents) => documents.run(settings).await,
        Command::Onboard(onboard) => onboard.run(settings).await,
        Command::Worker(worker) => worker.run(settings).await,
        Command::Api(call) => {
            let may_change_data = call.may_change_data();
            unless_interrupted(call.run(settings), may_change_data).await
        }
        Command::Sandbox(sandbox) => sandbox.run().await,
        // Handled by `run_offline`.
        Command::Completions(_) | Command::Man(_) => Ok(()),
    }
}
