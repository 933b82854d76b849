//! One sign-in for any number of calls.
//!
//! The token is renewed ahead of its end, by one task, however many wait for it; while it lasts it is used,
//! also when renewing it failed. A token that the service refuses is replaced once, unless another call has
//! done so already. Signing in runs in a task of its own, so that a caller who gives up does not make the
//! others begin again.

mod code;
mod credentials;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carium_api::{BaseUrl, Client, ClientIdentityExt as _, Secret, Transport, operations, types};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http::HeaderValue;
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub use code::OneTimeCode;
pub use credentials::Credentials;

use crate::error::{Error, ErrorKind};
use crate::outcome;

/// How long a token lasts when nothing was asked for: the most that the reference allows.
const ASSUMED_LIFETIME: Duration = Duration::from_hours(1);
/// How long before its end a token is renewed, at the most; a tenth of its lifetime where that is less.
const LONGEST_MARGIN: Duration = Duration::from_mins(1);
/// How long a person who is asked for a code may take, and the next code of a secret be waited for.
const LONGEST_WAIT_FOR_CODE: Duration = Duration::from_mins(5);
/// How long a failed renewal is left alone while the token still lasts, and a refusal of the credentials.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// An access token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    secret: Secret,
    /// Which sign-in it is from.
    number: u64,
    renew_at: Instant,
    ends_at: Instant,
}

impl Token {
    /// The value of `Authorization`, marked as sensitive. Made for each request, so that what is kept is kept
    /// where it is wiped.
    ///
    /// # Errors
    /// The token has characters that no header can hold.
    pub(crate) fn header(&self) -> Result<HeaderValue, Error> {
        header_of(&self.secret)
    }
}

fn header_of(secret: &Secret) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::try_from(format!("Bearer {}", secret.expose())).map_err(|_| {
        Error::new(ErrorKind::Undecodable, "the service answered with a token that no header can hold")
    })?;
    header.set_sensitive(true);
    Ok(header)
}

/// Seconds since 1970. Asked for each code: a clock is put right, and a machine sleeps.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

type Renewal = Shared<BoxFuture<'static, Result<Token, Arc<Error>>>>;

/// The credentials and the token that they gave.
pub(crate) struct Session {
    credentials: Credentials,
    client: Client,
    lifetime: Option<Duration>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    renewal: Option<(AbortHandle, Renewal)>,
    not_before: Option<Instant>,
    /// The service's refusal of the credentials, which is not asked for again at once: accounts get locked.
    refusal: Option<(Instant, Arc<Error>)>,
    logins: u64,
}

impl Session {
    pub(crate) fn new(
        credentials: Credentials,
        base_url: BaseUrl,
        transport: Arc<dyn Transport>,
        lifetime: Option<Duration>,
        clock: Clock,
    ) -> Self {
        let client = Client::with_shared_transport(base_url, transport);
        Self { credentials, client, lifetime, clock, state: Mutex::new(State::default()) }
    }

    pub(crate) fn base_url(&self) -> &BaseUrl {
        self.client.base_url()
    }

    /// A token that lasts, signing in where there is none.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<Token, Error> {
        let renewal = {
            let mut state = self.state();
            let now = Instant::now();
            match state.token.clone() {
                Some(token) if now < token.renew_at => return Ok(token),
                Some(token) if now < token.ends_at => {
                    let may_begin = state.not_before.is_none_or(|moment| now >= moment);
                    if may_begin && self.credentials.can_sign_in_again() {
                        // Runs by itself; nobody waits for it while the token lasts.
                        drop(self.renewal(&mut state));
                    }
                    return Ok(token);
                }
                _ => {
                    if let Some((until, error)) = &state.refusal
                        && now < *until
                    {
                        return Err(error.again());
                    }
                    self.renewal(&mut state)
                }
            }
        };
        renewal.await.map_err(|error| error.again())
    }

    /// A token other than one that was refused: the current one, where that is another already.
    pub(crate) async fn token_instead_of(self: &Arc<Self>, refused: &Token) -> Result<Token, Error> {
        let renewal = {
            let mut state = self.state();
            match &state.token {
                Some(token) if token.number != refused.number => return Ok(token.clone()),
                // It cannot be replaced, and may be good for other calls: one odd answer does not end it.
                Some(_) if !self.credentials.can_sign_in_again() => return Err(code::used_up()),
                _ => {
                    state.token = None;
                    self.renewal(&mut state)
                }
            }
        };
        renewal.await.map_err(|error| error.again())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is written under the lock is whole at every moment, so a panic elsewhere does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sign-in that is under way, or a new one.
    fn renewal(self: &Arc<Self>, state: &mut State) -> Renewal {
        // Asked of the task itself: one that panicked, or whose runtime was shut down before it began, is over too.
        if let Some((task, renewal)) = &state.renewal
            && !task.is_finished()
        {
            return renewal.clone();
        }
        let session = Arc::clone(self);
        let task = tokio::spawn(async move { session.renew().await });
        let handle = task.abort_handle();
        let interrupted = "signing in was interrupted; try again";
        let ended = move |_| Err(Arc::new(Error::new(ErrorKind::Unavailable, interrupted)));
        let renewal = task.map(move |result| result.unwrap_or_else(ended)).boxed().shared();
        state.renewal = Some((handle, renewal.clone()));
        renewal
    }

    async fn renew(&self) -> Result<Token, Arc<Error>> {
        let result = self.sign_in().await;
        let mut state = self.state();
        match result {
            Ok(secret) => {
                state.logins += 1;
                let token = self.token_of(secret, state.logins);
                state.token = Some(token.clone());
                (state.not_before, state.refusal) = (None, None);
                Ok(token)
            }
            Err(error) => {
                tracing::warn!(error.r#type = ?error.kind(), "signing in failed");
                let (until, error) = (Instant::now() + PAUSE_AFTER_FAILURE, Arc::new(error));
                state.not_before = Some(until);
                if error.kind() == ErrorKind::Unauthenticated {
                    state.refusal = Some((until, Arc::clone(&error)));
                }
                Err(error)
            }
        }
    }

    async fn sign_in(&self) -> Result<Secret, Error> {
        let code = match &self.credentials.code {
            Some(code) => Some(
                tokio::time::timeout(LONGEST_WAIT_FOR_CODE, code.next(&self.clock))
                    .await
                    .map_err(|_| Error::new(ErrorKind::TimedOut, "there was no one-time code in time"))??,
            ),
            None => None,
        };
        let asked_for = self.lifetime.and_then(|lifetime| std::num::NonZeroU64::new(lifetime.as_secs()));
        let request = types::LoginRequest::builder()
            .username(self.credentials.username.clone())
            .password(self.credentials.password.clone())
            .totp_code(code.clone())
            .access_token_expiration_seconds(asked_for);
        let answer = self.client.login().body_map(|_| request).send().await;
        let (answer, _) =
            outcome::of(&operations::LOGIN, answer).map_err(|error| self.refused(error, code))?;
        if answer.access_token.expose().is_empty() {
            return Err(Error::new(ErrorKind::Undecodable, "the service answered with an empty token"));
        }
        header_of(&answer.access_token)?;
        Ok(answer.access_token)
    }

    /// A failure of signing in, as those who wait for a token are to see it.
    fn refused(&self, error: Error, code: Option<Secret>) -> Error {
        if let (Some(source), Some(code), true) = (&self.credentials.code, code, error.was_not_sent()) {
            source.give_back(code);
        }
        error.with(|inner| {
            // It leaves nothing behind that anyone would have to look for.
            inner.may_have_been_applied = false;
            // Whatever the service has against a sign-in, to the call that waits for it there is no token. Its
            // own 404 or 409 would say something of a patient.
            let refused =
                [ErrorKind::Forbidden, ErrorKind::NotFound, ErrorKind::Conflict, ErrorKind::Rejected];
            if refused.contains(&inner.kind) {
                inner.kind = ErrorKind::Unauthenticated;
            }
        })
    }

    fn token_of(&self, secret: Secret, number: u64) -> Token {
        let lifetime = self.lifetime.unwrap_or(ASSUMED_LIFETIME);
        let ends_at = Instant::now() + lifetime;
        Token { secret, number, renew_at: ends_at - LONGEST_MARGIN.min(lifetime / 10), ends_at }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}
