//! The settings of the program. Each is read from a flag, then from the environment, then from a profile.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;

use carium::Secret;
use carium::patients::OrganizationId;
use clap::Args;
use serde::Deserialize;

use crate::directories;
use crate::error::{CliError, Exit};
use crate::output::Format;
use crate::stderr;

/// The name of the profile that is used if none is named.
const DEFAULT_PROFILE: &str = "default";

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
    #[arg(help = "Output format: table, json, ndjson or csv. Defaults to table")]
    pub(crate) output: Option<Format>,
    /// Print the causes of an error
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Append traces to this file
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) log: Option<PathBuf>,
}

/// The settings of the program.
#[derive(Debug)]
pub(crate) struct Settings {
    /// If `None`, the vendor's base URL is used.
    pub(crate) base_url: Option<String>,
    pub(crate) allows_plain_http: bool,
    pub(crate) is_sandbox: bool,
    pub(crate) account: Option<String>,
    pub(crate) organization: Option<OrganizationId>,
    /// PEM file with further authorities to trust.
    pub(crate) ca_file: Option<PathBuf>,
    /// PEM file with the certificate to present to the API, and its key.
    pub(crate) client_certificate_file: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) log: Option<PathBuf>,
    pub(crate) password_fd: Option<u32>,
    /// The secret that one-time codes are derived from.
    pub(crate) totp_secret: Option<Secret>,
    /// Whether to prompt for a one-time code.
    pub(crate) prompts_for_code: bool,
}

impl Settings {
    pub(crate) fn read(args: GlobalArgs) -> Result<Self, CliError> {
        Self::resolve(args, |name| std::env::var_os(name))
    }

    fn resolve(args: GlobalArgs, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, CliError> {
        // An empty variable counts as unset, except for the base URL: a script whose base URL is empty by mistake
        // must not reach the production service.
        // Line breaks at the end are removed: a secret that comes from a file often has one.
        let trimmed = |text: String| text.trim_end_matches(['\r', '\n']).to_owned();
        let text = |name: &str| match variable(name).map(|text| text.into_string().map(trimmed)) {
            Some(Ok(text)) if !text.is_empty() || name == "CARIUM_BASE_URL" => Ok(Some(text)),
            Some(Err(_)) => Err(CliError::new(Exit::InvalidInput, format!("{name} is not valid UTF-8"))),
            Some(Ok(_)) | None => Ok(None),
        };
        let profile = Profile::read(args.profile.or(text("CARIUM_PROFILE")?), text("CARIUM_CONFIG")?)?;
        let organization = match args.organization {
            Some(id) => Some(id),
            None => match text("CARIUM_ORGANIZATION_ID")? {
                Some(id) => Some(id.parse().map_err(|_| {
                    CliError::new(Exit::InvalidInput, "CARIUM_ORGANIZATION_ID is not a UUID")
                })?),
                None => profile.organization_id,
            },
        };
        let format = match args.output {
            Some(format) => Some(format),
            None => match text("CARIUM_OUTPUT")? {
                Some(name) => Some(Format::from_name(&name).ok_or_else(|| {
                    let message = "CARIUM_OUTPUT is not one of `table`, `json`, `ndjson` and `csv`";
                    CliError::new(Exit::InvalidInput, message)
                })?),
                None => profile.output,
            },
        };
        Ok(Self {
            base_url: args.base_url.or(text("CARIUM_BASE_URL")?).or(profile.base_url),
            allows_plain_http: args.dangerously_allow_plain_http,
            is_sandbox: args.sandbox,
            account: args.account.or(text("CARIUM_USERNAME")?).or(profile.username),
            organization,
            ca_file: text("CARIUM_CA_FILE")?.map(PathBuf::from).or(profile.ca_file),
            client_certificate_file: text("CARIUM_CLIENT_CERTIFICATE_FILE")?
                .map(PathBuf::from)
                .or(profile.client_certificate_file),
            format: format.unwrap_or(Format::Table),
            log: args.log,
            password_fd: args.password_fd,
            totp_secret: text("CARIUM_TOTP_SECRET")?.map(Secret::from),
            prompts_for_code: args.ask_code,
        })
    }
}

/// A profile: a named group of settings, which is one table of the configuration file. It cannot contain a password.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Profile {
    base_url: Option<String>,
    username: Option<String>,
    organization_id: Option<OrganizationId>,
    ca_file: Option<PathBuf>,
    client_certificate_file: Option<PathBuf>,
    output: Option<Format>,
}

impl Profile {
    /// Reads a profile from this file, or from the default configuration file. If no name is given, neither the file
    /// nor the default profile has to exist.
    fn read(name: Option<String>, file: Option<String>) -> Result<Self, CliError> {
        let is_required = file.is_some() || name.is_some();
        let Some(path) = file.map(PathBuf::from).or_else(directories::config_file) else {
            return Ok(Self::default());
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                let message = format!("could not read the configuration file {}", path.display());
                if is_required {
                    return Err(CliError::new(Exit::Other, message).with_source(error));
                }
                // A service often runs with a home directory that it may not read.
                stderr::print(&format!(
                    "{message}; continuing without it (set CARIUM_CONFIG or HOME to another path)"
                ));
                String::new()
            }
        };
        let invalid = |message: String| {
            let allowed = "a profile has `base-url`, `username`, `organization-id`, `ca-file`, \
                `client-certificate-file` and `output`, and no password";
            CliError::new(Exit::InvalidInput, message)
                .with_hint(format!("correct {}; {allowed}", path.display()))
        };
        // The parser's message may quote the file, and the file may contain a password by mistake.
        let mut profiles: BTreeMap<String, Self> = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            invalid(format!("the configuration file is invalid near line {line}"))
        })?;
        match name {
            Some(name) => profiles.remove(&name).ok_or_else(|| {
                let names: Vec<_> = profiles.keys().map(String::as_str).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                invalid(format!("profile `{name}` does not exist; existing profiles: {names}"))
            }),
            None => Ok(profiles.remove(DEFAULT_PROFILE).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, Subcommand};

    use super::*;

    #[derive(Parser)]
    struct TestCli {
        #[command(flatten)]
        global: GlobalArgs,
        #[command(subcommand)]
        _command: TestCommand,
    }

    #[derive(Subcommand)]
    enum TestCommand {
        Login,
    }

    fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, CliError> {
        let cli = TestCli::try_parse_from([&["carium"], arguments].concat()).unwrap();
        Settings::resolve(cli.global, |name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn flags_override_environment_and_environment_overrides_profile() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        let text = "[default]\nbase-url = \"https://profile.example.com\"\noutput = \"json\"\n[other]\n\
            [certificates]\nca-file = \"ca.pem\"\nclient-certificate-file = \"client.pem\"\n";
        std::fs::write(&file, text).unwrap();
        let config = ("CARIUM_CONFIG", file.to_str().unwrap());
        let url = |arguments: &[&str], variables: &[(&str, &str)]| {
            settings(arguments, variables).unwrap().base_url.unwrap_or_default()
        };
        let variable = ("CARIUM_BASE_URL", "https://variable.example.com");
        assert_eq!(url(&["login"], &[config]), "https://profile.example.com");
        assert_eq!(url(&["login"], &[config, variable]), "https://variable.example.com");
        let flag = ["--base-url", "https://flag.example.com"];
        assert_eq!(url(&["login", flag[0], flag[1]], &[config, variable]), flag[1]);
        assert_eq!(url(&[flag[0], flag[1], "login"], &[config, variable]), flag[1]);
        assert_eq!(url(&["login", "--profile", "other"], &[config]), "");
        assert_eq!(
            url(&["login"], &[config, ("CARIUM_BASE_URL", "")]),
            "",
            "an empty base URL must not fall back to another one"
        );
        assert_eq!(settings(&["login"], &[config]).unwrap().format, Format::Json);
        let certificates = |profile, variables: &[_]| {
            let settings = settings(&["login", "--profile", profile], variables).unwrap();
            [settings.ca_file, settings.client_certificate_file].map(Option::unwrap_or_default)
        };
        let ca = ("CARIUM_CA_FILE", "variable.pem");
        assert_eq!(certificates("certificates", &[config]), [PathBuf::from("ca.pem"), "client.pem".into()]);
        assert_eq!(
            certificates("certificates", &[config, ca]),
            [PathBuf::from("variable.pem"), "client.pem".into()]
        );
        let unknown = settings(&["login", "--profile", "unknown"], &[config]);
        assert_eq!(unknown.unwrap_err().exit(), Exit::InvalidInput);
    }
}
