//! One-time codes, RFC 6238.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use carium_api::Secret;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::sleep;
use totp_rs::{Builder, Totp};

use super::Clock;
use crate::error::{Error, ErrorKind};
use crate::problem::Problem;

/// How long a code lasts, in seconds: what RFC 6238 recommends and every authenticator app does.
const STEP: u64 = 30;

/// Where the one-time codes of an account come from.
///
/// A code is never sent twice: one that was used is followed by the next, which may take up to 30 seconds.
#[derive(Clone)]
pub struct OneTimeCode(Source);

type Ask = dyn Fn() -> BoxFuture<'static, Secret> + Send + Sync;

#[derive(Clone)]
enum Source {
    Once(Arc<Mutex<Option<Secret>>>),
    Asked(Arc<Asked>),
    Made(Arc<Maker>),
}

struct Asked {
    ask: Box<Ask>,
    last: Mutex<Option<Secret>>,
}

struct Maker {
    totp: Totp,
    last_step: Mutex<Option<u64>>,
}

impl OneTimeCode {
    /// A code that a person has read off. The session can sign in once with it, and says so when it would
    /// have to again.
    pub fn single_use(code: impl Into<Secret>) -> Self {
        Self(Source::Once(Arc::new(Mutex::new(Some(code.into())))))
    }

    /// A function that is asked for a code at each sign-in.
    pub fn from_fn<F, A>(ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Secret> + Send + 'static,
    {
        Self(Source::Asked(Arc::new(Asked { ask: Box::new(move || ask().boxed()), last: Mutex::default() })))
    }

    /// The secret that an authenticator app is set up with, in base32. Codes of six digits are made from it,
    /// one every 30 seconds, by SHA-1.
    ///
    /// # Errors
    /// The secret is not base32, or is empty.
    pub fn from_totp_secret(secret: &Secret) -> Result<Self, Error> {
        // Copies of a secret are secrets.
        let letters = Secret::from(secret.expose().split_whitespace().collect::<String>());
        let letters = Secret::from(letters.expose().to_uppercase());
        let bytes = totp_rs::Secret::try_from_base32(letters.expose().trim_end_matches('='));
        let Some(bytes) = bytes.ok().filter(|bytes| !bytes.is_empty()) else {
            let problem =
                Problem::new("totp-secret", "is not base32: copy the letters and digits of the set-up key");
            return Err(Error::invalid("the secret of the one-time codes cannot be used", vec![problem]));
        };
        // Accounts with shorter secrets than the RFC recommends exist, and work.
        let totp = Builder::new().with_secret(bytes).with_step_duration(STEP).build_noncompliant();
        Ok(Self(Source::Made(Arc::new(Maker { totp, last_step: Mutex::new(None) }))))
    }

    /// Whether there is, or may be, another code.
    pub(crate) fn has_next(&self) -> bool {
        match &self.0 {
            Source::Once(code) => code.lock().unwrap_or_else(PoisonError::into_inner).is_some(),
            Source::Asked(_) | Source::Made(_) => true,
        }
    }

    /// Takes a code back that was certainly not sent.
    pub(crate) fn give_back(&self, unsent: Secret) {
        let place = match &self.0 {
            Source::Once(code) => code,
            Source::Asked(asked) => {
                *asked.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return;
            }
            // The next one is soon there.
            Source::Made(_) => return,
        };
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(unsent);
    }

    /// The next code, which counts as sent.
    pub(crate) async fn next(&self, clock: &Clock) -> Result<Secret, Error> {
        match &self.0 {
            Source::Once(code) => {
                code.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(used_up)
            }
            Source::Asked(asked) => asked.next().await,
            Source::Made(maker) => Ok(maker.next(clock).await),
        }
    }
}

impl Asked {
    async fn next(&self) -> Result<Secret, Error> {
        let code = (self.ask)().await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&code) {
            let what = "the function that is asked for one-time codes gave one that was used before";
            return Err(Error::new(ErrorKind::Unauthenticated, what));
        }
        *last = Some(code.clone());
        Ok(code)
    }
}

pub(super) fn used_up() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "the session was given a single one-time code, which is used up: sign in anew with another, or give the secret that codes are made from",
    )
}

impl Maker {
    async fn next(&self, clock: &Clock) -> Secret {
        loop {
            let now = clock();
            let step = now / STEP;
            let is_new = {
                let mut last = self.last_step.lock().unwrap_or_else(PoisonError::into_inner);
                let is_new = last.is_none_or(|last| step > last);
                if is_new {
                    *last = Some(step);
                }
                is_new
            };
            if is_new {
                return Secret::from(self.totp.generate(now).to_string());
            }
            sleep(Duration::from_secs(STEP - now % STEP)).await;
        }
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Source::Once(_) => "OneTimeCode(once)",
            Source::Asked(_) => "OneTimeCode(asked)",
            Source::Made(_) => "OneTimeCode(from a secret)",
        })
    }
}
