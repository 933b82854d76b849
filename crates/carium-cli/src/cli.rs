//! What can be written on the command line.

use std::path::PathBuf;

use carium::patients::OrganizationId;
use clap::{Args, Parser, Subcommand};

use crate::commands::vocabularies::Listing;
use crate::commands::{
    api, appointments, completions, documents, invitations, login, man, onboard, patients, sandbox, worker,
};
use crate::output::Format;

const EXAMPLES: &str = "\
Examples:
  carium --sandbox practitioners list    try it, with no account and no network
  carium login                           check the credentials in the environment
  carium appointments create --help      what a command takes, with examples";

const MORE: &str = "\
Exit codes:
    0  done
    1  anything without a code of its own
    2  the command line is wrong
    3  what was given is wrong, and nothing was sent
    4  signing in failed
    5  the service refused
    6  the service is unavailable, or gave no answer in time; nothing was done
    7  rows of a file wait for a person: parked, failed or changed
    8  it may have happened: look before doing it again
  130  interrupted

Settings come from flags, else from the environment, else from a profile;
`--sandbox` overrules all of them. The environment:
  CARIUM_BASE_URL         where the API is
  CARIUM_USERNAME         the account
  CARIUM_PASSWORD         its password; else the keyring, else a prompt
  CARIUM_TOTP_SECRET      what its one-time codes are made from, in base32
  CARIUM_ORGANIZATION_ID  the organization
  CARIUM_OUTPUT           table, json or ndjson
  CARIUM_PROFILE          the profile
  CARIUM_CONFIG           the file of profiles
  CARIUM_QUEUE            the queue of `onboard` and `worker`
  CARIUM_QUEUE_KEY        what rows on a server are sealed with, 64 digits
  NO_COLOR                no colours, whatever its value

A file of profiles, on Linux ~/.config/carium/config.toml:
  [default]
  base-url = \"https://api.carium.com\"
  username = \"you@example.com\"
  organization-id = \"8d25a2a6-8219-40d1-a34f-c24ec69f4f72\"
  output = \"table\"

Examples:
  carium --sandbox practitioners list
  carium login
  carium appointments create --help";

/// The Carium platform from a terminal and from scripts
///
/// Data goes to stdout, everything else to stderr.
#[derive(Debug, Parser)]
#[command(name = "carium", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = EXAMPLES, after_long_help = MORE)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes, before its name or after it.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Give the command a sandbox of its own: a Carium in memory, which ends with it
    #[arg(long, global = true)]
    pub(crate) sandbox: bool,
    /// Where the API is
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "Where the API is [default: https://api.carium.com]"
    )]
    pub(crate) base_url: Option<String>,
    /// Take a base URL of plain http to another machine: for test networks, with invented patients
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) dangerously_allow_plain_http: bool,
    /// The account to sign in with
    #[arg(long, global = true, value_name = "USERNAME")]
    pub(crate) account: Option<String>,
    /// Read the password from this file descriptor rather than from CARIUM_PASSWORD or a prompt
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) password_fd: Option<u32>,
    /// Ask for a one-time code on the terminal, rather than make it from CARIUM_TOTP_SECRET
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) ask_code: bool,
    /// The organization to work in
    #[arg(long, global = true, value_name = "ID")]
    pub(crate) organization: Option<OrganizationId>,
    /// The profile to take settings from [default: default]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// How data is written [default: table]
    #[arg(long, short, global = true, value_name = "FORM", hide_possible_values = true)]
    #[arg(help = "How data is written: table, json or ndjson [default: table]")]
    pub(crate) output: Option<Format>,
    /// Say of an error also what was behind it
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Append traces to this file
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) log: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the credentials
    Login(login::Login),
    /// Forget the password that `carium login --keep` kept
    Logout(login::Logout),
    /// Patients
    #[command(subcommand)]
    Patients(patients::Patients),
    /// Invitations to patients
    #[command(subcommand)]
    Invitations(invitations::Invitations),
    /// Appointments
    #[command(subcommand)]
    Appointments(appointments::Appointments),
    /// Those with whom appointments are booked
    #[command(subcommand)]
    Practitioners(Listing),
    /// The types that an appointment can have
    #[command(subcommand)]
    AppointmentTypes(Listing),
    /// The statuses that an appointment can have
    #[command(subcommand)]
    AppointmentStatuses(Listing),
    /// Documents in patients' records
    #[command(subcommand)]
    Documents(documents::Documents),
    /// Onboard the patients of a file, and look after those that need it
    Onboard(Box<onboard::Onboard>),
    /// Work on a queue that others submit to
    Worker(worker::Worker),
    /// Call any operation of the API as it is
    ///
    /// There is a command for each operation of the API's description. What is sent is not checked here; it is signed in,
    /// and repeated where it may be. The answer is printed as it came, but for what is secret in it.
    Api(api::Call),
    /// Run a sandbox for other programs
    Sandbox(sandbox::Serve),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print the manual
    Man(man::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_one() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let commands: Vec<_> =
                command.get_subcommands().filter(|each| each.get_name() != "help").collect();
            if commands.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:\n  carium"), "{path} has no example");
                let widest = help.lines().map(|line| line.chars().count()).max().unwrap_or_default();
                assert!(widest <= 80, "an example of {path} is wider than a terminal: {widest}");
            }
            for each in commands {
                check(each, &format!("{path} {}", each.get_name()));
            }
        }
        check(&Cli::command(), "carium");
    }
}
