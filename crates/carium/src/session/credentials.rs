//! The credentials of an account.

use std::fmt;

use carium_api::types::Username;
use carium_api::{Redacted, Secret};

use super::OneTimeCode;
use crate::error::Error;
use crate::problem::Problem;

/// The username and the password of an account, and the source of its one-time codes if it uses them.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) username: Username,
    pub(crate) password: Secret,
    pub(crate) code: Option<OneTimeCode>,
}

impl Credentials {
    /// Creates credentials for an account without one-time codes.
    ///
    /// # Errors
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if the username or the password is empty.
    /// [`Error::problems`] lists both.
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
            _ => Err(Error::invalid("the credentials are invalid", problems)),
        }
    }

    /// Sets the source of one-time codes.
    #[must_use]
    pub fn one_time_code(mut self, code: OneTimeCode) -> Self {
        self.code = Some(code);
        self
    }

    /// Returns whether another sign-in is possible. It is not if a single-use code has been used.
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
