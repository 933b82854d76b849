//! The command line: its definition, and its errors without the values of arguments.

use clap::error::{ContextKind, ContextValue};
use clap::{Error, Parser};

use crate::commands::Command;
use crate::settings::GlobalArgs;

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
`--sandbox` ignores base URL, account, organization and queue of all three. Environment variables:
  CARIUM_BASE_URL         base URL of the API
  CARIUM_USERNAME         account to sign in with
  CARIUM_PASSWORD         password; if unset, read from the keyring or a prompt
  CARIUM_TOTP_SECRET      secret for one-time codes, in base32
  CARIUM_ORGANIZATION_ID  organization
  CARIUM_CA_FILE          PEM file with authorities to trust, besides those of the system
  CARIUM_CLIENT_CERTIFICATE_FILE
                          PEM file with the certificate to present to the API, and its key
  CARIUM_OUTPUT           output format: table, json, ndjson or csv
  CARIUM_PROFILE          name of the profile
  CARIUM_CONFIG           path of the configuration file
  CARIUM_QUEUE            queue of `onboard` and `worker`
  CARIUM_QUEUE_KEY        encryption key of a queue on a server, 64 hex digits
  NO_COLOR                disables colors if set to a non-empty value

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

/// Replaces the values that clap quotes in an error with `…`. A value may be about a patient, and stderr often ends
/// up in logs. The names of flags and commands stay.
pub(crate) fn redact_values(mut error: Error) -> Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        let is_safe = match error.get(kind) {
            Some(ContextValue::String(text)) => kind == ContextKind::InvalidArg && is_argument_name(text),
            _ => true,
        };
        if !is_safe {
            error.insert(kind, ContextValue::String("…".to_owned()));
        }
    }
    error
}

/// Checks whether a text is the name of a flag or of a positional argument, such as `--gender <GENDER>` or `<ID>`.
fn is_argument_name(text: &str) -> bool {
    text.starts_with(['-', '<', '[']) && !text.contains('=')
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

    #[test]
    fn redacts_values_and_keeps_flag_names() {
        let create = ["carium", "patients", "create", "--gender"];
        for (arguments, expected) in [
            (vec!["canary"], "--gender"),
            (vec!["male", "canary"], "unexpected argument"),
            (vec!["male", "--other=canary"], "unexpected argument"),
            (vec!["male", "--output", "canary"], "--output"),
            (vec!["male", "--birth-date", "1980-07-04", "--locale", "canary"], "--locale"),
        ] {
            let error = Cli::try_parse_from(create.iter().chain(&arguments)).unwrap_err();
            let text = redact_values(error).render().to_string();
            assert!(!text.contains("canary") && text.contains(expected), "{arguments:?}: {text}");
        }
        let text = redact_values(Cli::try_parse_from(["carium", "canary"]).unwrap_err()).render().to_string();
        assert!(!text.contains("canary"), "{text}");
        let text = redact_values(Cli::try_parse_from(["carium", "api", "get_appointment"]).unwrap_err());
        assert!(text.render().to_string().contains("--id <ID>"), "{text}");
    }
}
