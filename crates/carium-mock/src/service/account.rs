//! Who can sign in.

use std::collections::BTreeSet;
use std::fmt;

use carium::{Credentials, Error, OneTimeCode, Secret};

/// An account that is there from the beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeAccount {
    /// The username.
    pub username: &'static str,
    /// The password.
    pub password: &'static str,
    /// What one-time codes are made from, in base32, where signing in asks for them: six digits, one every 30 seconds,
    /// by SHA-1 (RFC 6238). A code is good once.
    pub totp_secret: Option<&'static str>,
}

impl FakeAccount {
    /// The one of the vendor's Examples page.
    pub(crate) const fn plain() -> Self {
        Self { username: "username", password: "password", totp_secret: None }
    }

    /// One that asks for one-time codes. Its secret has the 20 bytes that RFC 4226 recommends.
    pub(crate) const fn with_codes() -> Self {
        Self {
            username: "username-with-code",
            password: "password",
            totp_secret: Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
        }
    }

    /// The same for a client, with one-time codes that it makes by itself where they are asked for.
    ///
    /// # Errors
    /// None: what could be wrong with them is not wrong with these.
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

/// The same as the service knows it.
pub(crate) struct Account {
    pub(crate) password: &'static str,
    pub(crate) totp_secret: Option<&'static str>,
    /// The steps whose codes were used: a code is good once.
    pub(crate) used_codes: BTreeSet<u64>,
}

impl Account {
    pub(crate) fn of(account: FakeAccount) -> Self {
        Self { password: account.password, totp_secret: account.totp_secret, used_codes: BTreeSet::new() }
    }
}
