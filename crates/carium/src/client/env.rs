//! A client set up by the environment.

use std::collections::HashMap;
use std::ffi::OsString;

use carium_api::types::OrganizationId;
use carium_api::{BaseUrl, Secret};

use super::CariumBuilder;
use crate::error::Error;
use crate::problem::Problem;
use crate::session::{Credentials, OneTimeCode};

const BASE_URL: &str = "CARIUM_BASE_URL";
const USERNAME: &str = "CARIUM_USERNAME";
const PASSWORD: &str = "CARIUM_PASSWORD";
const TOTP_SECRET: &str = "CARIUM_TOTP_SECRET";
const ORGANIZATION_ID: &str = "CARIUM_ORGANIZATION_ID";

/// A builder set by variables, which are looked up by a function. One that is empty counts as missing, but for
/// the base URL: what was meant to lead elsewhere must not lead to the service.
pub(super) fn builder(variable: impl Fn(&str) -> Option<OsString>) -> Result<CariumBuilder, Error> {
    let mut problems = Vec::new();
    let mut texts = HashMap::new();
    for name in [BASE_URL, USERNAME, PASSWORD, TOTP_SECRET, ORGANIZATION_ID] {
        match variable(name).map(OsString::into_string) {
            Some(Ok(text)) if !text.is_empty() || name == BASE_URL => drop(texts.insert(name, text)),
            Some(Err(_)) => problems.push(Problem::new(name, "is not text in UTF-8")),
            Some(Ok(_)) | None => {}
        }
    }
    let mut given = |name: &'static str| texts.remove(name);
    let mut builder = CariumBuilder::default();
    if let Some(url) = given(BASE_URL) {
        if url.parse::<BaseUrl>().is_err() {
            problems.push(Problem::new(BASE_URL, "is not a base URL: write it like https://api.carium.com"));
        }
        builder = builder.base_url(url);
    }
    let mut required = |name| {
        let value = given(name);
        if value.is_none() && problems.iter().all(|problem| problem.field() != Some(name)) {
            problems.push(Problem::new(name, "is not set"));
        }
        value
    };
    let (username, password) = (required(USERNAME), required(PASSWORD).map(Secret::from));
    let code = given(TOTP_SECRET).map(|secret| OneTimeCode::from_totp_secret(&Secret::from(secret)));
    if let Some(Err(_)) = &code {
        problems
            .push(Problem::new(TOTP_SECRET, "is not base32: copy the letters and digits of the set-up key"));
    }
    if let Some(id) = given(ORGANIZATION_ID) {
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
    Err(Error::invalid("the environment does not set up a client", problems))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(variables: &[(&str, &str)]) -> Vec<String> {
        let look_up = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let error = builder(look_up).err();
        let problems = error.iter().flat_map(Error::problems);
        problems.filter_map(|problem| problem.field().map(str::to_owned)).collect()
    }

    #[test]
    fn every_variable_that_is_missing_or_bad_is_named() {
        assert_eq!(problems(&[]), [USERNAME, PASSWORD]);
        let good = [(USERNAME, "username"), (PASSWORD, "password")];
        assert!(problems(&good).is_empty());
        assert_eq!(
            problems(&[good[0], good[1], (BASE_URL, "")]),
            [BASE_URL],
            "it must not lead to the service"
        );
        let bad = [(BASE_URL, "example"), (TOTP_SECRET, "!"), (ORGANIZATION_ID, "1"), (USERNAME, "")];
        assert_eq!(problems(&bad), [BASE_URL, USERNAME, PASSWORD, TOTP_SECRET, ORGANIZATION_ID]);
    }
}
