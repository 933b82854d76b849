//! The file of profiles.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use carium::patients::OrganizationId;
use serde::Deserialize;

use crate::exit::{CliError, Exit};
use crate::output::Format;
use crate::places;

/// The profile that is read where none is named.
const DEFAULT: &str = "default";

/// A profile: a table of the file, under its name. There is no place for a password in it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Profile {
    pub(super) base_url: Option<String>,
    pub(super) username: Option<String>,
    pub(super) organization_id: Option<OrganizationId>,
    pub(super) output: Option<Format>,
}

impl Profile {
    /// The profile of this name, from this file or the one at the platform's place. One that was not asked for by
    /// name need not be there.
    pub(super) fn read(name: Option<String>, file: Option<String>) -> Result<Self, CliError> {
        let Some(path) = file.map(PathBuf::from).or_else(places::config_file) else {
            return Ok(Self::default());
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                let what = format!("the file of profiles cannot be read: {}", path.display());
                return Err(CliError::new(Exit::Other, what).because(error));
            }
        };
        let wrong = |what: String| {
            let allowed = "a profile has `base-url`, `username`, `organization-id` and `output`";
            CliError::new(Exit::InvalidInput, what)
                .next(format!("mend {}; {allowed}, and no password", path.display()))
        };
        // The file's own words may be quoted in the message of the parser, and someone may have put a password there.
        let mut profiles: BTreeMap<String, Self> = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            wrong(format!("the file of profiles is not one, near its line {line}"))
        })?;
        match name {
            Some(name) => profiles.remove(&name).ok_or_else(|| {
                let known: Vec<_> = profiles.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                wrong(format!("there is no profile `{name}`; there is: {known}"))
            }),
            None => Ok(profiles.remove(DEFAULT).unwrap_or_default()),
        }
    }
}
