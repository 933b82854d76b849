//! The credentials of an account: username, password and one-time codes (TOTP, RFC 6238).

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use carium_api::types::Username;
use carium_api::{Redacted, Secret};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::sleep;

use super::totp::{TIME_STEP, TotpKey};
use crate::error::{Error, ErrorKind};
use crate::problem::Problem;

/// Returns the seconds since the Unix epoch. It is called for each code, because the system clock can be
/// adjusted and the machine can be suspended.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

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

/// A source of credentials that is asked at each sign-in, such as a vault whose passwords change.
///
/// Set it with [`CariumBuilder::credential_provider`](crate::CariumBuilder::credential_provider).
///
/// # Examples
///
/// ```
/// use async_trait::async_trait;
/// use carium::{CredentialProvider, Credentials, Error, ErrorKind, SignIn};
///
/// struct PasswordFile;
///
/// #[async_trait]
/// impl CredentialProvider for PasswordFile {
///     async fn sign_in(&self) -> Result<SignIn, Error> {
///         let password = tokio::fs::read_to_string("/run/secrets/carium").await;
///         let password = password
///             .map_err(|error| Error::from_io("the file with the password cannot be read", &error))?;
///         Credentials::new("clinic@example.com", password.trim_end()).map(SignIn::Credentials)
///     }
/// }
/// ```
#[async_trait]
pub trait CredentialProvider: Send + Sync + 'static {
    /// Returns what to sign in with.
    ///
    /// It is called for one sign-in at a time: when a token is needed, before one expires, and after the service has
    /// rejected one. It has 5 minutes.
    ///
    /// # Errors
    /// The calls that need a token fail with this error. It can be logged, so it must not contain a secret.
    async fn sign_in(&self) -> Result<SignIn, Error>;
}

/// What to sign in with, from a [`CredentialProvider`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignIn {
    /// Signs in with a username and a password, and a one-time code if there is one.
    Credentials(Credentials),
    /// Uses an access token that was issued elsewhere. Nothing is sent.
    Token {
        /// The access token.
        token: Secret,
        /// How long the token is valid. It is renewed before. `None` stands for one hour.
        lifetime: Option<Duration>,
    },
}

#[async_trait]
impl<T: CredentialProvider + ?Sized> CredentialProvider for Arc<T> {
    async fn sign_in(&self) -> Result<SignIn, Error> {
        (**self).sign_in().await
    }
}

/// Where a session gets its credentials.
#[derive(Clone)]
pub(crate) enum CredentialSource {
    Fixed(Credentials),
    Provider(Arc<dyn CredentialProvider>),
}

impl CredentialSource {
    /// Returns whether another sign-in is possible. It is not if a single-use code has been used.
    pub(crate) fn can_sign_in_again(&self) -> bool {
        match self {
            Self::Fixed(credentials) => credentials.can_sign_in_again(),
            Self::Provider(_) => true,
        }
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(credentials) => credentials.fmt(f),
            Self::Provider(_) => f.write_str("CredentialProvider"),
        }
    }
}

/// A source of one-time codes for an account.
///
/// The session never sends a code twice. If the current code was already used, signing in waits for the next
/// code, which takes at most 30 seconds with [`from_totp_secret`](Self::from_totp_secret).
#[derive(Clone)]
pub struct OneTimeCode(CodeSource);

type CodeFn = dyn Fn() -> BoxFuture<'static, Secret> + Send + Sync;

#[derive(Clone)]
enum CodeSource {
    /// The code, until it is used.
    SingleUse(Arc<Mutex<Option<Secret>>>),
    Callback(Arc<CodeCallback>),
    Totp(Arc<TotpGenerator>),
}

struct CodeCallback {
    next_code: Box<CodeFn>,
    last_code: Mutex<Option<Secret>>,
}

struct TotpGenerator {
    key: TotpKey,
    last_step: Mutex<Option<u64>>,
}

impl OneTimeCode {
    /// Creates a source with a single code, for example one that a person typed in.
    ///
    /// The session can sign in once with it. When the access token has expired, calls fail with
    /// [`Unauthenticated`](ErrorKind::Unauthenticated).
    pub fn single_use(code: impl Into<Secret>) -> Self {
        Self(CodeSource::SingleUse(Arc::new(Mutex::new(Some(code.into())))))
    }

    /// Creates a source that calls a function for a code at each sign-in.
    ///
    /// If the function returns the same code twice in a row, the sign-in fails with
    /// [`Unauthenticated`](ErrorKind::Unauthenticated). If it takes more than 5 minutes, the sign-in fails with
    /// [`TimedOut`](ErrorKind::TimedOut).
    pub fn from_fn<F, A>(next_code: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Secret> + Send + 'static,
    {
        Self(CodeSource::Callback(Arc::new(CodeCallback {
            next_code: Box::new(move || next_code().boxed()),
            last_code: Mutex::default(),
        })))
    }

    /// Creates a source that generates codes from a TOTP secret, the base32 key that an authenticator app is
    /// set up with.
    ///
    /// The codes have six digits, use SHA-1 and change every 30 seconds.
    ///
    /// # Errors
    /// Returns [`InvalidInput`](ErrorKind::InvalidInput) if the secret is empty or not valid base32.
    pub fn from_totp_secret(secret: &Secret) -> Result<Self, Error> {
        let Some(key) = TotpKey::from_base32(secret) else {
            let problem = Problem::new(
                "totp-secret",
                "is not valid base32; copy the letters and digits of the setup key",
            );
            return Err(Error::invalid("the TOTP secret is invalid", vec![problem]));
        };
        Ok(Self(CodeSource::Totp(Arc::new(TotpGenerator { key, last_step: Mutex::new(None) }))))
    }

    /// Returns whether another code is, or may be, available.
    pub(crate) fn has_next(&self) -> bool {
        match &self.0 {
            CodeSource::SingleUse(code) => code.lock().unwrap_or_else(PoisonError::into_inner).is_some(),
            CodeSource::Callback(_) | CodeSource::Totp(_) => true,
        }
    }

    /// Makes a code available again that was certainly not sent.
    pub(crate) fn restore_unsent(&self, code: Secret) {
        match &self.0 {
            CodeSource::SingleUse(slot) => {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
            }
            CodeSource::Callback(callback) => {
                *callback.last_code.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            // The next code is available within 30 seconds.
            CodeSource::Totp(_) => {}
        }
    }

    /// Returns the next code and marks it as used.
    pub(crate) async fn next(&self, clock: &Clock) -> Result<Secret, Error> {
        match &self.0 {
            CodeSource::SingleUse(code) => {
                code.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(single_use_code_spent)
            }
            CodeSource::Callback(callback) => callback.next().await,
            CodeSource::Totp(generator) => Ok(generator.next(clock).await),
        }
    }
}

impl CodeCallback {
    async fn next(&self) -> Result<Secret, Error> {
        let code = (self.next_code)().await;
        let mut last_code = self.last_code.lock().unwrap_or_else(PoisonError::into_inner);
        if last_code.as_ref() == Some(&code) {
            let message = "the one-time code function returned a code that was already used";
            return Err(Error::new(ErrorKind::Unauthenticated, message));
        }
        *last_code = Some(code.clone());
        Ok(code)
    }
}

pub(crate) fn single_use_code_spent() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "the session's single one-time code has been used; sign in again with a new code, or configure the TOTP secret",
    )
}

impl TotpGenerator {
    async fn next(&self, clock: &Clock) -> Secret {
        loop {
            let now = clock();
            let step = now / TIME_STEP;
            let is_unused = {
                let mut last_step = self.last_step.lock().unwrap_or_else(PoisonError::into_inner);
                let is_unused = last_step.is_none_or(|last| step > last);
                if is_unused {
                    *last_step = Some(step);
                }
                is_unused
            };
            if is_unused {
                return self.key.code(now);
            }
            sleep(Duration::from_secs(TIME_STEP - now % TIME_STEP)).await;
        }
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            CodeSource::SingleUse(_) => "OneTimeCode(single use)",
            CodeSource::Callback(_) => "OneTimeCode(function)",
            CodeSource::Totp(_) => "OneTimeCode(TOTP secret)",
        })
    }
}
