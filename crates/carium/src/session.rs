//! One sign-in for any number of calls.
//!
//! The token is renewed ahead of its end, by one task, however many wait for it; while it lasts it is used,
//! also when renewing it failed. A token that the service refuses is replaced once, unless another call has
//! done so already. Signing in runs in a task of its own, so that a caller who gives up does not make the
//! others begin again.

mod clock;
mod code;
mod credentials;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carium_api::{BaseUrl, Client, ClientIdentityExt as _, Secret, Transport, types};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http::HeaderValue;
use tokio::time::Instant;

pub(crate) use clock::WallClock;
pub use code::OneTimeCode;
pub use credentials::Credentials;

use crate::error::{Error, ErrorKind};
use crate::outcome;
use crate::transport::OnceTransport;

/// How long a token lasts when nothing was asked for: the most that the reference allows.
const ASSUMED_LIFETIME: Duration = Duration::from_hours(1);
/// How long before its end a token is renewed, at the most; a tenth of its lifetime where that is less.
const LONGEST_MARGIN: Duration = Duration::from_mins(1);
/// How long a failed renewal is left alone while the token still lasts.
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

type Renewal = Shared<BoxFuture<'static, Result<Token, Arc<Error>>>>;

/// The credentials and the token that they gave.
pub(crate) struct Session {
    credentials: Credentials,
    client: Client,
    deadline: Duration,
    lifetime: Option<Duration>,
    clock: WallClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    renewal: Option<Renewal>,
    not_before: Option<Instant>,
    logins: u64,
}

impl Session {
    pub(crate) fn new(
        credentials: Credentials,
        base_url: BaseUrl,
        transport: Arc<dyn Transport>,
        deadline: Duration,
        lifetime: Option<Duration>,
    ) -> Self {
        let transport = OnceTransport::new(transport, credentials.code.is_some(), deadline);
        Self {
            credentials,
            client: Client::new(base_url, transport),
            deadline,
            lifetime,
            clock: WallClock::start(),
            state: Mutex::new(State::default()),
        }
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
                _ => self.renewal(&mut state),
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
        if let Some(renewal) = &state.renewal {
            return renewal.clone();
        }
        let session = Arc::clone(self);
        let task = tokio::spawn(async move { session.renew().await });
        let ended = |_| Err(Arc::new(Error::new(ErrorKind::Unauthenticated, "signing in was interrupted")));
        let renewal = task.map(move |result| result.unwrap_or_else(ended)).boxed().shared();
        state.renewal = Some(renewal.clone());
        renewal
    }

    async fn renew(&self) -> Result<Token, Arc<Error>> {
        let _over = WhenOver(self);
        let signed_in = tokio::time::timeout(self.deadline, self.sign_in()).await;
        let timed_out =
            || Error::new(ErrorKind::TimedOut, "signing in took longer than the deadline of a call");
        let result = signed_in.unwrap_or_else(|_| Err(timed_out()));
        let mut state = self.state();
        match result {
            Ok(secret) => {
                state.logins += 1;
                let token = self.token_of(secret, state.logins);
                state.token = Some(token.clone());
                state.not_before = None;
                Ok(token)
            }
            Err(error) => {
                tracing::warn!(error.r#type = ?error.kind(), "signing in failed");
                state.not_before = Some(Instant::now() + PAUSE_AFTER_FAILURE);
                Err(Arc::new(error))
            }
        }
    }

    async fn sign_in(&self) -> Result<Secret, Error> {
        let code = match &self.credentials.code {
            Some(code) => Some(code.next(&self.clock).await?),
            None => None,
        };
        let mut request = types::LoginRequest::builder()
            .username(self.credentials.username.clone())
            .password(self.credentials.password.clone());
        if let Some(code) = code {
            request = request.totp_code(code);
        }
        let asked_for = self.lifetime.and_then(|lifetime| std::num::NonZeroU64::new(lifetime.as_secs()));
        if let Some(seconds) = asked_for {
            request = request.access_token_expiration_seconds(seconds);
        }
        let operation = &carium_api::operations::LOGIN;
        let answer = self.client.login().body_map(|_| request).send().await;
        // A sign-in that may have happened leaves nothing behind that anyone would have to look for.
        let (answer, _) = outcome::of(operation, answer)
            .map_err(|error| error.with(|inner| inner.may_have_happened = false))?;
        header_of(&answer.access_token)?;
        Ok(answer.access_token)
    }

    fn token_of(&self, secret: Secret, number: u64) -> Token {
        let lifetime = self.lifetime.unwrap_or(ASSUMED_LIFETIME);
        let ends_at = Instant::now() + lifetime;
        Token { secret, number, renew_at: ends_at - LONGEST_MARGIN.min(lifetime / 10), ends_at }
    }
}

/// Lets the next sign-in begin when this one is over, however it ends: a callback of the caller's may panic,
/// and a runtime may be shut down.
struct WhenOver<'a>(&'a Session);

impl Drop for WhenOver<'_> {
    fn drop(&mut self) {
        self.0.state().renewal = None;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}
