//! Who signs in.

use carium_api::types::Username;
use carium_api::{Redacted, Secret};
use std::fmt;

use super::OneTimeCode;
use crate::error::Error;
use crate::problem::Problem;

/// A username and a password, and where one-time codes come from if the account asks for them.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) username: Username,
    pub(crate) password: Secret,
    pub(crate) code: Option<OneTimeCode>,
}

impl Credentials {
    /// A username and a password.
    ///
    /// # Errors
    /// One of them is empty; both are named where both are.
    pub fn new(username: &str, password: impl Into<Secret>) -> Result<Self, Error> {
        let password = password.into();
        let mut problems = Vec::new();
        let username = Username::try_from(username);
        if username.is_err() {
            problems.push(Problem::new("username", "is empty"));
        }
        if password.expose().is_empty() {
            problems.push(Problem::new("password", "is empty"));
        }
        match username {
            Ok(username) if problems.is_empty() => Ok(Self { username, password, code: None }),
            _ => Err(Error::invalid("the credentials cannot be used", problems)),
        }
    }

    /// With one-time codes.
    #[must_use]
    pub fn one_time_code(mut self, code: OneTimeCode) -> Self {
        self.code = Some(code);
        self
    }

    /// Whether signing in could succeed once more.
    pub(crate) fn can_sign_in_again(&self) -> bool {
        self.code.as_ref().is_none_or(OneTimeCode::has_next)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &Redacted::Phi)
            .field("password", &self.password)
            .field("code", &self.code)
            .finish()
    }
}
