//! The commands, a file each.

pub(crate) mod api;
pub(crate) mod appointments;
pub(crate) mod completions;
pub(crate) mod documents;
pub(crate) mod invitations;
pub(crate) mod login;
pub(crate) mod man;
pub(crate) mod onboard;
pub(crate) mod patients;
pub(crate) mod sandbox;
pub(crate) mod vocabularies;
pub(crate) mod worker;

use vocabularies::Listing;

use crate::cli::Command;
use crate::exit::CliError;
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;

/// What comes of a command that needs neither settings nor a runtime; nothing where it is another.
pub(crate) fn offline(command: &Command) -> Option<Result<(), CliError>> {
    match command {
        Command::Completions(completions) => Some(completions.run()),
        Command::Man(man) => Some(man.run()),
        Command::Api(call) => call.offline(),
        _ => None,
    }
}

pub(crate) async fn run(command: Command, settings: &Settings) -> Result<(), CliError> {
    crate::interrupt::listen();
    match command {
        Command::Login(login) => unless_interrupted(login.run(settings), false).await,
        Command::Logout(login::Logout {}) => login::Logout::run(settings),
        Command::Patients(patients) => unless_interrupted(patients.run(settings), true).await,
        Command::Invitations(invitations) => unless_interrupted(invitations.run(settings), true).await,
        Command::Appointments(appointments) => {
            let changes = appointments.changes_something();
            unless_interrupted(appointments.run(settings), changes).await
        }
        Command::Practitioners(Listing::List(list)) => {
            unless_interrupted(list.practitioners(settings), false).await
        }
        Command::AppointmentTypes(Listing::List(list)) => {
            unless_interrupted(list.types(settings), false).await
        }
        Command::AppointmentStatuses(Listing::List(list)) => {
            unless_interrupted(list.statuses(settings), false).await
        }
        // Transfers stop in their own way.
        Command::Documents(documents) => documents.run(settings).await,
        // Rows in flight are finished first.
        Command::Onboard(onboard) => onboard.run(settings).await,
        Command::Worker(worker) => worker.run(settings).await,
        Command::Api(call) => {
            let changes = call.changes_something();
            unless_interrupted(call.run(settings), changes).await
        }
        Command::Sandbox(serve) => serve.run().await,
        // Done before there were settings.
        Command::Completions(_) | Command::Man(_) => Ok(()),
    }
}
