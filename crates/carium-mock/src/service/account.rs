//! The accounts that can sign in.

use std::collections::BTreeSet;
use std::fmt;

use carium::{Credentials, Error, OneTimeCode, Secret};

/// An account of the fake. `Debug` shows only the username.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeAccount {
    /// The username.
    pub username: &'static str,
    /// The password.
    pub password: &'static str,
    /// The base32 TOTP secret, if the account requires one-time codes (RFC 6238: SHA-1, six digits, a new code
    /// every 30 seconds). Each code can be used once.
    pub totp_secret: Option<&'static str>,
}

impl FakeAccount {
    /// Returns the account of the vendor's Examples page.
    pub(crate) const fn plain() -> Self {
        Self { username: "username", password: "password", totp_secret: None }
    }

    /// Returns an account that requires one-time codes. Its secret has 20 bytes, as RFC 4226 recommends.
    pub(crate) const fn with_totp() -> Self {
        Self {
            username: "username-with-code",
            password: "password",
            totp_secret: Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        }
    }

    /// Returns the credentials for a client, which generates one-time codes itself if the account requires them.
    ///
    /// # Errors
    /// Never fails, because the accounts of the fake have valid usernames, passwords and secrets.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        let credentials = Credentials::new(self.username, self.password)?;
        match self.totp_secret {
            Some(secret) => {
                Ok(credentials.one_time_code(OneTimeCode::from_totp_secret(&Secret::from(secret))?))
            }
            None => Ok(credentials),
        }
    }
}

impl fmt::Debug for FakeAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeAccount").field("username", &self.username).finish_non_exhaustive()
    }
}

/// An account in the state of the service.
pub(crate) struct Account {
    pub(crate) password: &'static str,
    pub(crate) totp_secret: Option<&'static str>,
    /// The TOTP time steps whose codes were used.
    pub(crate) used_steps: BTreeSet<u64>,
}

impl From<FakeAccount> for Account {
    fn from(account: FakeAccount) -> Self {
        Self { password: account.password, totp_secret: account.totp_secret, used_steps: BTreeSet::new() }
    }
}
