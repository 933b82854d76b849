//! Profiles: named groups of settings in the configuration file.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use carium::patients::OrganizationId;
use serde::Deserialize;

use crate::directories;
use crate::error::{CliError, Exit};
use crate::output::Format;

/// The name of the profile that is used if none is named.
const DEFAULT: &str = "default";

/// A profile: one table of the configuration file. It cannot contain a password.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Profile {
    pub(super) base_url: Option<String>,
    pub(super) username: Option<String>,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) output: Option<Format>,
}

impl Profile {
    /// Reads a profile from this file, or from the default configuration file. If no name is given, neither the file
    /// nor the default profile has to exist.
    pub(super) fn read(name: Option<String>, file: Option<String>) -> Result<Self, CliError> {
        let Some(path) = file.map(PathBuf::from).or_else(directories::config_file) else {
            return Ok(Self::default());
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                let message = format!("could not read the configuration file {}", path.display());
                return Err(CliError::new(Exit::Other, message).with_source(error));
            }
        };
        let invalid = |message: String| {
            let allowed =
                "a profile has `base-url`, `username`, `organization-id` and `output`, and no password";
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
            None => Ok(profiles.remove(DEFAULT).unwrap_or_default()),
        }
    }
}
