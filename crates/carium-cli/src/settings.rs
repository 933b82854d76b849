//! What the program is set to: by flags, else by the environment, else by a profile.

mod password;
mod profile;

use std::ffi::OsString;
use std::path::PathBuf;

use carium::Secret;
use carium::patients::OrganizationId;

pub(crate) use password::{ask, password};
use profile::Profile;

use crate::cli::Global;
use crate::exit::{CliError, Exit};
use crate::output::Format;

/// What the program is set to.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `None` where nothing is said: then the vendor's own.
    pub(crate) base_url: Option<String>,
    pub(crate) allows_plain_http: bool,
    pub(crate) is_sandbox: bool,
    pub(crate) account: Option<String>,
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) format: Format,
    pub(crate) log: Option<PathBuf>,
    pub(crate) password_fd: Option<u32>,
    /// What one-time codes are made from.
    pub(crate) totp_secret: Option<Secret>,
    /// Whether the person is to be asked for a one-time code.
    pub(crate) asks_for_code: bool,
}

impl Settings {
    pub(crate) fn read(flags: Global) -> Result<Self, CliError> {
        Self::from(flags, |name| std::env::var_os(name))
    }

    fn from(flags: Global, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, CliError> {
        // One that is empty counts as missing, but for the base URL: what was meant to lead elsewhere must not lead
        // to the service.
        let text = |name: &str| match variable(name).map(OsString::into_string) {
            Some(Ok(text)) if !text.is_empty() || name == "CARIUM_BASE_URL" => Ok(Some(text)),
            Some(Err(_)) => Err(CliError::new(Exit::InvalidInput, format!("{name} is not text in UTF-8"))),
            Some(Ok(_)) | None => Ok(None),
        };
        let profile = Profile::read(flags.profile.or(text("CARIUM_PROFILE")?), text("CARIUM_CONFIG")?)?;
        let organization = match flags.organization {
            Some(id) => Some(id),
            None => match text("CARIUM_ORGANIZATION_ID")? {
                Some(id) => Some(id.parse().map_err(|_| {
                    CliError::new(Exit::InvalidInput, "CARIUM_ORGANIZATION_ID is not a UUID")
                })?),
                None => profile.organization_id,
            },
        };
        let format = match flags.output {
            Some(format) => Some(format),
            None => match text("CARIUM_OUTPUT")? {
                Some(name) => Some(Format::named(&name).ok_or_else(|| {
                    CliError::new(Exit::InvalidInput, "CARIUM_OUTPUT is neither `table`, `json` nor `ndjson`")
                })?),
                None => profile.output,
            },
        };
        Ok(Self {
            base_url: flags.base_url.or(text("CARIUM_BASE_URL")?).or(profile.base_url),
            allows_plain_http: flags.dangerously_allow_plain_http,
            is_sandbox: flags.sandbox,
            account: flags.account.or(text("CARIUM_USERNAME")?).or(profile.username),
            organization,
            format: format.unwrap_or(Format::Table),
            log: flags.log,
            password_fd: flags.password_fd,
            totp_secret: text("CARIUM_TOTP_SECRET")?.map(Secret::from),
            asks_for_code: flags.ask_code,
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
        Settings::from(cli.global, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn a_flag_comes_before_the_environment_and_that_before_the_profile() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
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
            "it must not lead to the service"
        );
        assert_eq!(settings(&["login"], &[config]).unwrap().format, Format::Json);
        let unknown = settings(&["login", "--profile", "nobody"], &[config]);
        assert_eq!(unknown.unwrap_err().exit(), Exit::InvalidInput);
    }
}
