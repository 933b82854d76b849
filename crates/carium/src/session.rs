//! The session of a client: signing in and renewing the access token.
//!
//! - All calls share one session. If several calls need a token at the same time, one task signs in for all of them.
//! - The task is spawned, so that the sign-in continues if one of the waiting calls is canceled.
//! - The token is renewed before it expires. If the renewal fails, the token is used until it expires.
//! - A token that the service rejects is replaced once, unless another call has replaced it already.
//! - After the service has rejected the credentials, the session does not sign in again for 5 seconds.

mod credentials;
mod totp;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Client, ClientIdentityExt as _, Operation, Secret, operations, types};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub(crate) use credentials::Clock;
pub(crate) use credentials::CredentialSource;
use credentials::single_use_code_spent;
pub use credentials::{CredentialProvider, Credentials, OneTimeCode, SignIn};

use crate::api_result;
use crate::error::{Error, ErrorKind};
use crate::transport::{CallContext, FailureCause, Layer, TransportFailure};

/// The assumed lifetime of a token if no lifetime was requested: the maximum that the vendor's reference
/// allows.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);
/// The upper bound for the lifetime of a token from a provider. It keeps `Instant + lifetime` from overflowing.
const MAX_TOKEN_LIFETIME: Duration = Duration::from_secs(3600 * 24 * 365);
/// How long before its expiry a token is renewed, unless a tenth of its lifetime is shorter.
const MAX_RENEWAL_MARGIN: Duration = Duration::from_secs(60);
/// The time limit for obtaining a one-time code, for example from a person who is prompted for it.
const CODE_TIMEOUT: Duration = Duration::from_secs(300);
/// The delay after a failed sign-in. During it, a token that is still valid is not renewed, and rejected
/// credentials are not sent again, because repeated sign-ins with wrong credentials can lock the account.
const FAILURE_COOLDOWN: Duration = Duration::from_secs(5);

/// An access token.
#[derive(Debug)]
pub(crate) struct Token {
    secret: Secret,
    /// The number of the sign-in that returned the token. It distinguishes tokens without comparing secrets.
    number: u64,
    renew_at: Instant,
    expires_at: Instant,
}

/// Returns the value of the `Authorization` header, marked as sensitive.
///
/// It is created for each request, because a stored `HeaderValue` would not be wiped from memory like the `Secret`.
///
/// # Errors
/// Returns `Undecodable` if the token contains characters that are not allowed in a header.
fn authorization_header(secret: &Secret) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::try_from(format!("Bearer {}", secret.expose())).map_err(|_| {
        let message = "the service returned an access token with characters that are not allowed in a header";
        Error::new(ErrorKind::Undecodable, message)
    })?;
    header.set_sensitive(true);
    Ok(header)
}

type SharedSignIn = Shared<BoxFuture<'static, Result<Arc<Token>, Arc<Error>>>>;

/// Holds the credentials and the current access token, and signs in when a token is needed.
pub(crate) struct Session {
    credentials: CredentialSource,
    /// A client for the base URL that sends sign-in requests.
    client: Client,
    lifetime: Option<Duration>,
    clock: Clock,
    state: Mutex<SessionState>,
}

#[derive(Default)]
struct SessionState {
    // Shared, because copies of a secret are wiped one by one.
    token: Option<Arc<Token>>,
    /// The last sign-in task and its result.
    sign_in: Option<(AbortHandle, SharedSignIn)>,
    /// The error of the last sign-in if it failed, and the end of the cooldown after it.
    failure: Option<(Instant, Arc<Error>)>,
    sign_in_count: u64,
}

impl SessionState {
    /// Returns the error of the last sign-in if it failed and its cooldown has not ended.
    fn recent_failure(&self) -> Option<&Error> {
        self.failure.as_ref().filter(|(until, _)| Instant::now() < *until).map(|(_, error)| &**error)
    }
}

impl Session {
    pub(crate) fn new(
        credentials: CredentialSource,
        client: Client,
        lifetime: Option<Duration>,
        clock: Clock,
    ) -> Self {
        Self { credentials, client, lifetime, clock, state: Mutex::new(SessionState::default()) }
    }

    /// Returns a valid token. Signs in if there is none.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<Arc<Token>, Error> {
        let sign_in = {
            let mut state = self.state();
            let now = Instant::now();
            match state.token.clone() {
                Some(token) if now < token.renew_at => return Ok(token),
                Some(token) if now < token.expires_at => {
                    if state.recent_failure().is_none() && self.credentials.can_sign_in_again() {
                        // The spawned task renews the token in the background.
                        drop(self.shared_sign_in(&mut state));
                    }
                    return Ok(token);
                }
                _ => self.sign_in_unless_rejected(&mut state)?,
            }
        };
        sign_in.await.map_err(|error| error.duplicate())
    }

    /// Returns a token that replaces one that the service rejected. Signs in, unless the current token is a
    /// newer one.
    async fn replace_token(self: &Arc<Self>, rejected: &Token) -> Result<Arc<Token>, Error> {
        let sign_in = {
            let mut state = self.state();
            match &state.token {
                Some(token) if token.number != rejected.number => return Ok(token.clone()),
                // The session cannot sign in again, so it keeps the token: other calls may still succeed with
                // it.
                Some(_) if !self.credentials.can_sign_in_again() => return Err(single_use_code_spent()),
                _ => {
                    state.token = None;
                    self.sign_in_unless_rejected(&mut state)?
                }
            }
        };
        sign_in.await.map_err(|error| error.duplicate())
    }

    fn state(&self) -> MutexGuard<'_, SessionState> {
        // No code panics between two related changes of the state, so a poisoned lock still holds a consistent
        // state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the sign-in that is in progress, or starts one, unless the service has recently rejected the
    /// credentials.
    fn sign_in_unless_rejected(self: &Arc<Self>, state: &mut SessionState) -> Result<SharedSignIn, Error> {
        match state.recent_failure() {
            Some(error) if error.kind() == ErrorKind::Unauthenticated => Err(error.duplicate()),
            _ => Ok(self.shared_sign_in(state)),
        }
    }

    /// Returns the sign-in that is in progress, or starts one.
    fn shared_sign_in(self: &Arc<Self>, state: &mut SessionState) -> SharedSignIn {
        // `is_finished` is also true if the task panicked or its runtime was shut down before it ran.
        if let Some((task, sign_in)) = &state.sign_in
            && !task.is_finished()
        {
            return sign_in.clone();
        }
        let session = Arc::clone(self);
        let task = tokio::spawn(async move { session.run_sign_in().await });
        let handle = task.abort_handle();
        let on_join_error = |_| {
            Err(Arc::new(Error::new(ErrorKind::Unavailable, "the sign-in was interrupted; retry the call")))
        };
        let sign_in = task.map(move |result| result.unwrap_or_else(on_join_error)).boxed().shared();
        state.sign_in = Some((handle, sign_in.clone()));
        sign_in
    }

    /// Signs in and stores the token or the failure in the state.
    async fn run_sign_in(&self) -> Result<Arc<Token>, Arc<Error>> {
        let result = self.request_token().await;
        let mut state = self.state();
        match result {
            Ok((secret, lifetime)) => {
                state.sign_in_count += 1;
                let token = Arc::new(Self::new_token(secret, lifetime, state.sign_in_count));
                state.token = Some(Arc::clone(&token));
                state.failure = None;
                Ok(token)
            }
            Err(error) => {
                tracing::warn!(error.r#type = ?error.kind(), "sign-in failed");
                let error = Arc::new(error);
                state.failure = Some((Instant::now() + FAILURE_COOLDOWN, Arc::clone(&error)));
                Err(error)
            }
        }
    }

    /// Returns a new token and its lifetime.
    async fn request_token(&self) -> Result<(Secret, Duration), Error> {
        let credentials = match &self.credentials {
            CredentialSource::Fixed(credentials) => credentials.clone(),
            CredentialSource::Provider(provider) => {
                let sign_in =
                    tokio::time::timeout(CODE_TIMEOUT, provider.sign_in()).await.map_err(|_| {
                        Error::new(ErrorKind::TimedOut, "no credentials were provided within 5 minutes")
                    })??;
                match sign_in {
                    SignIn::Credentials(credentials) => credentials,
                    SignIn::Token { token, lifetime } => {
                        authorization_header(&token)?;
                        let lifetime = lifetime.unwrap_or(DEFAULT_LIFETIME).min(MAX_TOKEN_LIFETIME);
                        return Ok((token, lifetime));
                    }
                }
            }
        };
        let secret = self.sign_in_with(&credentials).await?;
        Ok((secret, self.lifetime.unwrap_or(DEFAULT_LIFETIME)))
    }

    async fn sign_in_with(&self, credentials: &Credentials) -> Result<Secret, Error> {
        let code = match &credentials.code {
            Some(code) => {
                Some(tokio::time::timeout(CODE_TIMEOUT, code.next(&self.clock)).await.map_err(|_| {
                    Error::new(ErrorKind::TimedOut, "no one-time code was provided within 5 minutes")
                })??)
            }
            None => None,
        };
        let lifetime_seconds =
            self.lifetime.and_then(|lifetime| std::num::NonZeroU64::new(lifetime.as_secs()));
        let request = types::LoginRequest::builder()
            .username(credentials.username.clone())
            .password(credentials.password.clone())
            .totp_code(code.clone())
            .access_token_expiration_seconds(lifetime_seconds);
        let result = self.client.login().body_map(|_| request).send().await;
        let response = api_result::convert_result(&operations::LOGIN, result)
            .map_err(|error| sign_in_error(credentials, error, code))?;
        if response.access_token.expose().is_empty() {
            return Err(Error::new(ErrorKind::Undecodable, "the service returned an empty access token"));
        }
        authorization_header(&response.access_token)?;
        Ok(response.access_token)
    }

    fn new_token(secret: Secret, lifetime: Duration, number: u64) -> Token {
        let expires_at = Instant::now() + lifetime;
        Token { secret, number, renew_at: expires_at - MAX_RENEWAL_MARGIN.min(lifetime / 10), expires_at }
    }
}

/// Converts an error of the login operation into the error of the calls that need the token. Restores the
/// one-time code if it was not sent.
fn sign_in_error(credentials: &Credentials, error: Error, code: Option<Secret>) -> Error {
    if let (Some(source), Some(code), true) = (&credentials.code, code, error.was_not_sent()) {
        source.restore_unsent(code);
    }
    error.with(|inner| {
        // A sign-in changes nothing that a caller would have to check.
        inner.may_have_been_applied = false;
        // The calls that wait for the token get this error. With one of these kinds, a caller could mistake it
        // for an error of its own request, such as `NotFound` for the patient.
        let rejection_kinds =
            [ErrorKind::Forbidden, ErrorKind::NotFound, ErrorKind::Conflict, ErrorKind::Rejected];
        if rejection_kinds.contains(&inner.kind) {
            inner.kind = ErrorKind::Unauthenticated;
        }
    })
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

/// The layer that adds the session's access token to requests. If the service rejects the token, replaces it and
/// sends the request once more.
pub(crate) struct Authenticate<T> {
    inner: T,
    session: Arc<Session>,
}

impl<T: Layer> Authenticate<T> {
    pub(crate) fn new(inner: T, session: Arc<Session>) -> Self {
        Self { inner, session }
    }

    async fn send_with(
        &self,
        token: &Token,
        call: &CallContext,
        operation: &Operation,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        request
            .headers_mut()
            .insert(AUTHORIZATION, authorization_header(&token.secret).map_err(sign_in_failed)?);
        self.inner.send(call, operation, request).await
    }
}

fn sign_in_failed(error: Error) -> TransportFailure {
    TransportFailure::new(FailureCause::SignIn(error))
}

#[async_trait]
impl<T: Layer> Layer for Authenticate<T> {
    async fn send(
        &self,
        call: &CallContext,
        operation: &Operation,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        if !operation.needs_token {
            return self.inner.send(call, operation, request).await;
        }
        // The token must not be sent to another origin than the one that issued it.
        if !self.session.client.base_url().is_same_origin(request.uri()) {
            return Err(TransportFailure::new(FailureCause::OtherOrigin));
        }
        let token = self.session.token().await.map_err(sign_in_failed)?;
        let response = self.send_with(&token, call, operation, request).await?;
        if response.status() != StatusCode::UNAUTHORIZED || !call.claim_token_replacement() {
            return Ok(response);
        }
        // A request with status 401 was not applied, so sending it again is safe for every operation.
        let token = self.session.replace_token(&token).await.map_err(sign_in_failed)?;
        self.send_with(&token, call, operation, request).await
    }
}
