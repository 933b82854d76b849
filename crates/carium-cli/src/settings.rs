//! The settings of the program. Each is read from a flag, then from the environment, then from a profile.

mod password;
mod profile;

use std::ffi::OsString;
use std::path::PathBuf;

use carium::Secret;
use carium::patients::OrganizationId;

pub(crate) use password::{password, prompt};
use profile::Profile;

use crate::cli::GlobalArgs;
use crate::error::{CliError, Exit};
use crate::output::Format;

/// The settings of the program.
#[derive(Debug)]
pub(crate) struct Settings {
    /// If `None`, the vendor's base URL is used.
    pub(crate) base_url: Option<String>,
    pub(crate) allows_plain_http: bool,
    pub(crate) is_sandbox: bool,
    pub(crate) account: Option<String>,
    pub(crate) organization: Option<OrganizationId>,
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
        let text = |name: &str| match variable(name).map(OsString::into_string) {
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
                    let message = "CARIUM_OUTPUT is not one of `table`, `json` and `ndjson`";
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
            format: format.unwrap_or(Format::Table),
            log: args.log,
            password_fd: args.password_fd,
            totp_secret: text("CARIUM_TOTP_SECRET")?.map(Secret::from),
            prompts_for_code: args.ask_code,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, CliError> {
        let cli = Cli::try_parse_from([&["carium"], arguments].concat()).unwrap();
        Settings::resolve(cli.global, |name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn flags_override_environment_and_environment_overrides_profile() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        let text = "[default]\nbase-url = \"https://profile.example.com\"\noutput = \"json\"\n[other]\n";
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
        let unknown = settings(&["login", "--profile", "unknown"], &[config]);
        assert_eq!(unknown.unwrap_err().exit(), Exit::InvalidInput);
    }
}
