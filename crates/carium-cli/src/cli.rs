//! The command line: global options and commands.

use std::path::PathBuf;

use carium::patients::OrganizationId;
use clap::{Args, Parser, Subcommand};

use crate::commands::lookups::LookupCommand;
use crate::commands::{
    api, appointments, completions, documents, invitations, login, man, onboard, patients, sandbox, worker,
};
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  carium --sandbox practitioners list    run a command without account or network
  carium login                           check the credentials in the environment
  carium appointments create --help      show the options and examples of a command";

const DETAILS: &str = "\
Exit codes:
    0  success
    1  any other error
    2  invalid command line
    3  invalid input; nothing was sent
    4  sign-in failed
    5  request refused by the service
    6  service unavailable or response timed out; nothing was applied
    7  some rows are not completed: parked (failed or unknown), changed or invalid
    8  outcome unknown: check in Carium before you run the command again
  130  interrupted

Settings are read from flags, then from the environment, then from a profile.
`--sandbox` overrides all of them. Environment variables:
  CARIUM_BASE_URL         base URL of the API
  CARIUM_USERNAME         account to sign in with
  CARIUM_PASSWORD         password; if unset, read from the keyring or a prompt
  CARIUM_TOTP_SECRET      secret for one-time codes, in base32
  CARIUM_ORGANIZATION_ID  organization
  CARIUM_OUTPUT           output format: table, json or ndjson
  CARIUM_PROFILE          name of the profile
  CARIUM_CONFIG           path of the configuration file
  CARIUM_QUEUE            queue of `onboard` and `worker`
  CARIUM_QUEUE_KEY        encryption key of a queue on a server, 64 hex digits
  NO_COLOR                disables colors if set to any value

The configuration file, on Linux ~/.config/carium/config.toml:
  [default]
  base-url = \"https://api.carium.com\"
  username = \"you@example.com\"
  organization-id = \"8d25a2a6-8219-40d1-a34f-c24ec69f4f72\"
  output = \"table\"

Examples:
  carium --sandbox practitioners list
  carium login
  carium appointments create --help";

/// Command-line interface for the Carium platform
///
/// Data is written to stdout, messages and errors to stderr.
#[derive(Debug, Parser)]
#[command(name = "carium", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = EXAMPLES, after_long_help = DETAILS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command. They can be written before or after the command.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each field is an independent flag")]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Run against an in-memory sandbox that is discarded when the command ends
    #[arg(long, global = true)]
    pub(crate) sandbox: bool,
    /// Base URL of the API
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "Base URL of the API. Defaults to https://api.carium.com"
    )]
    pub(crate) base_url: Option<String>,
    /// Allow a plain http base URL on another machine. Only for test networks without real patients
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) dangerously_allow_plain_http: bool,
    /// Account to sign in with
    #[arg(long, global = true, value_name = "USERNAME")]
    pub(crate) account: Option<String>,
    /// Read the password from this file descriptor instead of CARIUM_PASSWORD or a prompt
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) password_fd: Option<u32>,
    /// Prompt for a one-time code instead of deriving it from CARIUM_TOTP_SECRET
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) ask_code: bool,
    /// Organization to work in
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) organization: Option<OrganizationId>,
    /// Profile to read settings from. Defaults to `default`
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Output format
    #[arg(long, short, global = true, value_name = "FORMAT", hide_possible_values = true)]
    #[arg(help = "Output format: table, json or ndjson. Defaults to table")]
    pub(crate) output: Option<Format>,
    /// Print the causes of an error
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Append traces to this file
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) log: Option<PathBuf>,
}

/// The commands.
///
/// A variant has a doc comment only if its type does not describe the command: clap would show the comment of the
/// variant and omit the details from the comment of the type.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Login(login::Login),
    Logout(login::Logout),
    /// Create patients
    #[command(subcommand)]
    Patients(patients::PatientsCommand),
    /// Send invitations to patients
    #[command(subcommand)]
    Invitations(invitations::InvitationsCommand),
    /// Create, read, update and delete appointments
    #[command(subcommand)]
    Appointments(appointments::AppointmentsCommand),
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
    Documents(documents::DocumentsCommand),
    Onboard(Box<onboard::Onboard>),
    Worker(worker::Worker),
    /// Call any operation of the API directly
    ///
    /// There is a command for each operation of the API. The request is not validated. It is signed in, and retried
    /// if that is safe. The response is printed unchanged, except that secrets are hidden.
    Api(api::ApiCall),
    Sandbox(sandbox::ServeSandbox),
    Completions(completions::Completions),
    Man(man::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let subcommands: Vec<_> =
                command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help").collect();
            if subcommands.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:\n  carium"), "{path} has no example");
                let widest = help.lines().map(|line| line.chars().count()).max().unwrap_or_default();
                assert!(widest <= 80, "an example of {path} is wider than 80 columns: {widest}");
            }
            for subcommand in subcommands {
                check(subcommand, &format!("{path} {}", subcommand.get_name()));
            }
        }
        check(&Cli::command(), "carium");
    }
}
