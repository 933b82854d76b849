//! Configuration of a client from environment variables.

use std::collections::HashMap;
use std::ffi::OsString;

use carium_api::types::OrganizationId;
use carium_api::{BaseUrl, Secret};

use super::Carium;
use super::builder::CariumBuilder;
use crate::error::Error;
use crate::problem::Problem;
use crate::session::{Credentials, OneTimeCode};

const BASE_URL: &str = "CARIUM_BASE_URL";
const USERNAME: &str = "CARIUM_USERNAME";
const PASSWORD: &str = "CARIUM_PASSWORD";
const TOTP_SECRET: &str = "CARIUM_TOTP_SECRET";
const ORGANIZATION_ID: &str = "CARIUM_ORGANIZATION_ID";
const CA_FILE: &str = "CARIUM_CA_FILE";
const CLIENT_CERTIFICATE_FILE: &str = "CARIUM_CLIENT_CERTIFICATE_FILE";

impl Carium {
    /// Creates a client from environment variables.
    ///
    /// | variable | |
    /// | --- | --- |
    /// | `CARIUM_USERNAME` | The username of the account. Required. |
    /// | `CARIUM_PASSWORD` | The password of the account. Required. |
    /// | `CARIUM_TOTP_SECRET` | The base32 secret of the account's one-time codes. Required if the account uses them. |
    /// | `CARIUM_ORGANIZATION_ID` | The default organization. Optional. |
    /// | `CARIUM_BASE_URL` | The base URL of the API. Defaults to `https://api.carium.com`. |
    /// | `CARIUM_CA_FILE` | See [`CariumBuilder::ca_file`]. Optional. |
    /// | `CARIUM_CLIENT_CERTIFICATE_FILE` | See [`CariumBuilder::client_certificate_file`]. Optional. |
    ///
    /// Line breaks at the end of a value are ignored.
    ///
    /// # Errors
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if variables are missing or invalid.
    /// [`Error::problems`] lists all of them.
    pub fn from_env() -> Result<Self, Error> {
        builder(|name| std::env::var_os(name))?.build()
    }
}

/// Returns a builder that is configured from environment variables, which `get_variable` returns.
///
/// An empty variable counts as unset, except for the base URL: an empty `CARIUM_BASE_URL` is an error, because
/// falling back to the default would send requests to the production service.
fn builder(get_variable: impl Fn(&str) -> Option<OsString>) -> Result<CariumBuilder, Error> {
    let mut problems = Vec::new();
    let mut values = HashMap::new();
    for name in [BASE_URL, USERNAME, PASSWORD, TOTP_SECRET, ORGANIZATION_ID, CA_FILE, CLIENT_CERTIFICATE_FILE]
    {
        // A file that becomes a variable, such as a secret of Kubernetes, often ends with a line break.
        let value = get_variable(name).map(OsString::into_string);
        match value.map(|text| text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned())) {
            Some(Ok(text)) if !text.is_empty() || name == BASE_URL => drop(values.insert(name, text)),
            Some(Err(_)) => problems.push(Problem::new(name, "is not valid UTF-8")),
            Some(Ok(_)) | None => {}
        }
    }
    let mut take = |name: &'static str| values.remove(name);
    let mut builder = CariumBuilder::default();
    if let Some(url) = take(BASE_URL) {
        if url.parse::<BaseUrl>().is_err() {
            problems.push(
                Problem::new(BASE_URL, "is not a valid base URL")
                    .with_hint("use the form https://api.carium.com"),
            );
        }
        builder = builder.base_url(url);
    }
    if let Some(path) = take(CA_FILE) {
        builder = builder.ca_file(path);
    }
    if let Some(path) = take(CLIENT_CERTIFICATE_FILE) {
        builder = builder.client_certificate_file(path);
    }
    let mut required = |name| {
        let value = take(name);
        if value.is_none() && problems.iter().all(|problem| problem.field() != Some(name)) {
            problems.push(Problem::new(name, "is not set"));
        }
        value
    };
    let (username, password) = (required(USERNAME), required(PASSWORD).map(Secret::from));
    let code = take(TOTP_SECRET).map(|secret| OneTimeCode::from_totp_secret(&Secret::from(secret)));
    if let Some(Err(_)) = &code {
        problems.push(Problem::new(
            TOTP_SECRET,
            "is not valid base32; copy the letters and digits of the setup key",
        ));
    }
    if let Some(id) = take(ORGANIZATION_ID) {
        match id.parse::<OrganizationId>() {
            Ok(id) => builder = builder.organization(id),
            Err(_) => problems.push(Problem::new(ORGANIZATION_ID, "is not a UUID")),
        }
    }
    if let (Some(username), Some(password), []) = (username, password, problems.as_slice()) {
        let mut credentials = Credentials::new(&username, password)?;
        if let Some(Ok(code)) = code {
            credentials = credentials.one_time_code(code);
        }
        return Ok(builder.credentials(credentials));
    }
    Err(Error::invalid("the client cannot be configured from the environment", problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid_variables(variables: &[(&str, &str)]) -> Vec<String> {
        let get_variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let error = builder(get_variable).err();
        let problems = error.iter().flat_map(Error::problems);
        problems.filter_map(|problem| problem.field().map(str::to_owned)).collect()
    }

    #[test]
    fn ignores_line_breaks_at_the_end_of_a_value() {
        let values = [
            (USERNAME, "username\n"),
            (PASSWORD, "password\r\n"),
            (ORGANIZATION_ID, "8d25a2a6-8219-40d1-a34f-c24ec69f4f72\n"),
        ];
        assert!(invalid_variables(&values).is_empty());
        assert_eq!(invalid_variables(&[(USERNAME, "\n"), values[1]]), [USERNAME]);
    }

    #[test]
    fn reads_the_paths_of_certificate_files() {
        let variables = [
            (USERNAME, "username"),
            (PASSWORD, "password"),
            (CA_FILE, "/missing/ca.pem\n"),
            (CLIENT_CERTIFICATE_FILE, "/missing/client.pem"),
        ];
        let get_variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let error = builder(get_variable).unwrap().build().unwrap_err().to_string();
        assert!(error.contains("`ca-file` is /missing/ca.pem, which does not exist"), "{error}");
        let words = "`client-certificate-file` is /missing/client.pem, which does not exist";
        assert!(error.contains(words), "{error}");
    }

    #[test]
    fn error_lists_all_missing_and_invalid_variables() {
        assert_eq!(invalid_variables(&[]), [USERNAME, PASSWORD]);
        let valid = [(USERNAME, "username"), (PASSWORD, "password")];
        assert!(invalid_variables(&valid).is_empty());
        assert_eq!(
            invalid_variables(&[valid[0], valid[1], (BASE_URL, "")]),
            [BASE_URL],
            "an empty base URL must not fall back to the default"
        );
        let invalid = [(BASE_URL, "example"), (TOTP_SECRET, "!"), (ORGANIZATION_ID, "1"), (USERNAME, "")];
        assert_eq!(invalid_variables(&invalid), [BASE_URL, USERNAME, PASSWORD, TOTP_SECRET, ORGANIZATION_ID]);
    }
}
