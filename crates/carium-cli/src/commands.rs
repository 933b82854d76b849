//! The commands, one module for each subject.

pub(crate) mod api;
mod appointments;
mod documents;
mod lists;
mod login;
mod lookups;
mod onboard;
mod patients;
mod sandbox;
mod shell;

use clap::Subcommand;

use self::api::ApiCall;
use self::appointments::AppointmentsCommand;
use self::documents::DocumentsCommand;
use self::login::{Login, Logout};
use self::lookups::{ListLookup, Lookup, LookupCommand};
use self::onboard::{Onboard, Worker};
use self::patients::{InvitationsCommand, PatientsCommand};
use self::sandbox::ServeSandbox;
use self::shell::{Completions, Man};
use crate::error::CliError;
use crate::interrupt::unless_interrupted;
use crate::settings::Settings;

/// The commands.
///
/// A variant has a doc comment only if its type does not describe the command: clap would show the comment of the
/// variant and omit the details from the comment of the type.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Login(Login),
    Logout(Logout),
    /// List the organizations that the account can access
    #[command(subcommand)]
    Organizations(LookupCommand),
    /// List the groups that patients can belong to
    #[command(subcommand)]
    Groups(LookupCommand),
    /// Create patients
    #[command(subcommand)]
    Patients(PatientsCommand),
    /// Send invitations to patients
    #[command(subcommand)]
    Invitations(InvitationsCommand),
    /// Create, read, update and delete appointments
    #[command(subcommand)]
    Appointments(AppointmentsCommand),
    /// List the practitioners that appointments can be booked with
    #[command(subcommand)]
    Practitioners(LookupCommand),
    /// List the appointment types
    #[command(subcommand)]
    AppointmentTypes(LookupCommand),
    /// List the appointment statuses
    #[command(subcommand)]
    AppointmentStatuses(LookupCommand),
    /// Upload, list and download documents
    #[command(subcommand)]
    Documents(DocumentsCommand),
    Onboard(Box<Onboard>),
    Worker(Worker),
    /// Call any operation of the API directly
    ///
    /// There is a command for each operation of the API. The client signs in automatically, and retries the call if
    /// that is safe. The request is not validated. The response is printed unchanged, except that secrets are hidden.
    Api(ApiCall),
    Sandbox(ServeSandbox),
    Completions(Completions),
    Man(Man),
}

impl Command {
    /// Runs a command that needs neither settings nor a runtime. Returns `None` for any other command.
    pub(crate) fn run_offline(&self, command_line: fn() -> clap::Command) -> Option<Result<(), CliError>> {
        match self {
            Self::Completions(completions) => Some(completions.run(command_line())),
            Self::Man(man) => Some(man.run(command_line())),
            Self::Api(call) => call.run_offline(),
            _ => None,
        }
    }

    pub(crate) async fn run(self, settings: &Settings) -> Result<(), CliError> {
        crate::interrupt::install_handlers();
        let list =
            |lookup: Lookup, list: ListLookup| unless_interrupted(lookup.write(settings, list.limit), false);
        match self {
            Self::Login(login) => unless_interrupted(login.run(settings), false).await,
            Self::Logout(Logout {}) => Logout::run(settings),
            Self::Patients(patients) => unless_interrupted(patients.run(settings), true).await,
            Self::Invitations(invitations) => unless_interrupted(invitations.run(settings), true).await,
            Self::Appointments(appointments) => {
                let may_change_data = appointments.may_change_data();
                unless_interrupted(appointments.run(settings), may_change_data).await
            }
            Self::Organizations(LookupCommand::List(options)) => list(Lookup::Organizations, options).await,
            Self::Groups(LookupCommand::List(options)) => list(Lookup::Groups, options).await,
            Self::Practitioners(LookupCommand::List(options)) => list(Lookup::Practitioners, options).await,
            Self::AppointmentTypes(LookupCommand::List(options)) => {
                list(Lookup::AppointmentTypes, options).await
            }
            Self::AppointmentStatuses(LookupCommand::List(options)) => {
                list(Lookup::AppointmentStatuses, options).await
            }
            // These handle interruption themselves: transfers save their state, and rows in progress are finished.
            Self::Documents(documents) => documents.run(settings).await,
            Self::Onboard(onboard) => onboard.run(settings).await,
            Self::Worker(worker) => worker.run(settings).await,
            Self::Api(call) => {
                let may_change_data = call.may_change_data();
                unless_interrupted(call.run(settings), may_change_data).await
            }
            Self::Sandbox(sandbox) => sandbox.run().await,
            // Handled by `run_offline`.
            Self::Completions(_) | Self::Man(_) => Ok(()),
        }
    }
}
