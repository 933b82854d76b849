//! The retry layer: retries failed attempts if that is safe. See [`RetryPolicy`] for the rules.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, RetryClass};
use http::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, sleep};

use super::failure::{FailureCause, TransportFailure};
use super::layer::{CallContext, Layer};
use crate::connect_failure::ConnectFailure;
use crate::headers::retry_after;

/// The retry policy of a client: the maximum number of attempts and the delays between them.
///
/// # Which calls are retried
///
/// Each operation has a [`RetryClass`]. A failed attempt is retried as follows:
///
/// | failure | safe and idempotent operations | operations that create something, and sign-in |
/// | --- | --- | --- |
/// | the connection could not be established | retried | retried |
/// | status 429 or 503 | retried | retried |
/// | the connection was lost, or the attempt timed out | retried | not retried |
/// | status 408, 500, 502 or 504 | retried | not retried |
/// | any other failure | not retried | not retried |
///
/// There are three special cases:
///
/// - A sign-in with a one-time code is retried only if the connection could not be established, so that a code
///   cannot reach the service twice.
/// - Status 404 for a retried `DELETE` counts as success, because an earlier attempt has probably deleted the
///   resource.
/// - After status 401, the access token is replaced and the request is sent once more, independent of this
///   policy.
///
/// # Delays
///
/// The delay before a retry is random, from zero to an upper bound (*full jitter*). The upper bound doubles
/// with each retry, up to a maximum. If the response has a `Retry-After` header, the delay is at least as long
/// as the header requests.
///
/// If a delay would exceed the [call timeout](crate::CariumBuilder::call_timeout), the call fails immediately.
///
/// # Retry budget
///
/// All calls of a client share a budget of about 100 retries. A successful call returns what its own retries took
/// from the budget, and a little more. When the budget is used up because many calls fail, further calls are not
/// retried, so that retries do not overload a service that is recovering. Retries after a status 429 or 503 with a
/// `Retry-After` header do not use the budget.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use carium::{Carium, RetryPolicy};
///
/// let policy = RetryPolicy::default()
///     .max_attempts(3)
///     .backoff(Duration::from_millis(500), Duration::from_secs(5));
/// let builder = Carium::builder().retry_policy(policy);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    max_attempts: u32,
    initial_delay: Duration,
    max_delay: Duration,
}

/// The upper bound for both delays. It keeps `Instant + delay` from overflowing.
const DELAY_LIMIT: Duration = Duration::from_secs(86_400);

impl Default for RetryPolicy {
    /// Returns a policy with 5 attempts. The first delay is at most 200 ms and later delays are at most 10 s.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(10),
        }
    }
}

impl RetryPolicy {
    /// Returns a policy without retries.
    pub fn never() -> Self {
        Self::default().max_attempts(1)
    }

    /// Sets the maximum number of attempts, including the first. Defaults to 5. 0 counts as 1.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the upper bound of the first delay, and the maximum of this bound, which doubles with each retry.
    ///
    /// Defaults to 200 ms and 10 s. Values above 24 hours count as 24 hours.
    #[must_use]
    pub fn backoff(mut self, initial: Duration, max: Duration) -> Self {
        (self.initial_delay, self.max_delay) = (initial.min(DELAY_LIMIT), max.min(DELAY_LIMIT));
        self
    }

    /// Returns whether another attempt is allowed after the attempt with this number. The first has number 1.
    pub(crate) fn allows_retry(&self, attempt: u32) -> bool {
        attempt < self.max_attempts
    }

    /// Returns the delay after the attempt with this number, or `None` if no other attempt is allowed. The delay is
    /// at least `retry_after`. `random` is a number from 0 to 1.
    pub(crate) fn delay(&self, attempt: u32, retry_after: Option<Duration>, random: f64) -> Option<Duration> {
        let fraction = if random.is_finite() { random.clamp(0.0, 1.0) } else { 1.0 };
        // 16 doublings exceed every sensible maximum delay, and `1 << 16` cannot overflow.
        let doublings = attempt.saturating_sub(1).min(16);
        let upper_bound = self.initial_delay.saturating_mul(1 << doublings).min(self.max_delay);
        let delay = upper_bound.mul_f64(fraction).max(retry_after.unwrap_or_default());
        self.allows_retry(attempt).then_some(delay)
    }
}

/// A token bucket for the retries of a client. Each retry takes tokens, and each success returns some.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: Mutex<u32>,
}

/// The initial and maximum number of tokens, enough for 100 retries without a success.
const BUDGET_CAPACITY: u32 = 500;
const RETRY_COST: u32 = 5;
/// The cost of a retry after a timeout. It is higher because the failed attempt has already put load on the
/// service.
const TIMEOUT_RETRY_COST: u32 = 10;
/// The tokens that a success returns in addition to the cost of its own retries.
const SUCCESS_REFUND: u32 = 1;

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self { tokens: Mutex::new(BUDGET_CAPACITY) }
    }

    /// Takes tokens. Returns `false` and takes none if there are too few.
    fn spend(&self, cost: u32) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let remaining = tokens.checked_sub(cost);
        *tokens = remaining.unwrap_or(*tokens);
        remaining.is_some()
    }

    /// Returns the tokens that a successful call has spent on retries, and the refund for a success.
    fn refund(&self, spent: u32) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        *tokens = tokens.saturating_add(spent + SUCCESS_REFUND).min(BUDGET_CAPACITY);
    }
}

pub(crate) struct Retry<T> {
    inner: T,
    policy: RetryPolicy,
    budget: Arc<RetryBudget>,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl<T> Retry<T> {
    pub(crate) fn new(
        inner: T,
        policy: RetryPolicy,
        budget: Arc<RetryBudget>,
        random: Arc<dyn Fn() -> f64 + Send + Sync>,
    ) -> Self {
        Self { inner, policy, budget, random }
    }

    /// Returns the delay before the next attempt, or `None` if the policy, the deadline or the budget does not
    /// allow one.
    fn next_delay(&self, attempt: u32, retry: AllowedRetry, call: &CallContext) -> Option<Duration> {
        let policy = match call.settings.max_attempts {
            Some(attempts) => self.policy.clone().max_attempts(attempts),
            None => self.policy.clone(),
        };
        let delay = policy.delay(attempt, retry.retry_after, (self.random)())?;
        let is_in_time =
            Instant::now().checked_add(delay).is_some_and(|next_attempt| next_attempt < call.deadline);
        (is_in_time && self.budget.spend(retry.cost)).then_some(delay)
    }
}

#[async_trait]
impl<T: Layer> Layer for Retry<T> {
    async fn send(
        &self,
        call: &CallContext,
        operation: &Operation,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        let has_code = has_one_time_code(operation, request.body());
        let (mut attempt, mut spent, mut may_be_deleted) = (1, 0, false);
        loop {
            let result = self.inner.send(call, operation, request).await;
            let Some(retry) = allowed_retry(operation.retry, has_code, &result) else {
                if result.as_ref().is_ok_and(|response| response.status().is_success()) {
                    self.budget.refund(spent);
                }
                return if may_be_deleted { Ok(not_found_to_deleted(operation, result?)) } else { result };
            };
            let Some(delay) = self.next_delay(attempt, retry, call) else { return result };
            call.reporter.report_retry(operation, delay);
            spent += retry.cost;
            if retry.outcome_unknown {
                call.set_outcome_unknown(true);
            }
            may_be_deleted |= retry.is_unconfirmed;
            sleep(delay).await;
            attempt += 1;
        }
    }
}

/// Returns whether a request is a sign-in with a one-time code, which must not reach the service twice.
fn has_one_time_code(operation: &Operation, body: &[u8]) -> bool {
    let name = br#""totp-code""#;
    !operation.needs_token && body.windows(name.len()).any(|window| window == name)
}

/// A retry that is safe, subject to the policy, the deadline and the budget.
#[derive(Clone, Copy, Debug)]
struct AllowedRetry {
    /// The delay that the response requests.
    retry_after: Option<Duration>,
    /// The cost in tokens of the [`RetryBudget`].
    cost: u32,
    /// Whether the failed attempt may have been applied.
    outcome_unknown: bool,
    /// Whether it is not certain that the failed attempt was not applied: a 503 can come from a proxy in front of the service.
    is_unconfirmed: bool,
}

/// Returns whether and how a failed attempt may be retried, by the rules of [`RetryPolicy`].
fn allowed_retry(
    class: RetryClass,
    has_one_time_code: bool,
    result: &Result<Response<Bytes>, TransportFailure>,
) -> Option<AllowedRetry> {
    let is_idempotent = class != RetryClass::Create;
    let retry = |cost, outcome_unknown| AllowedRetry {
        retry_after: None,
        cost,
        outcome_unknown,
        is_unconfirmed: outcome_unknown,
    };
    match result {
        // The configuration has to be corrected first.
        Err(failure) if failure.connect.is_some_and(ConnectFailure::is_permanent) => None,
        Err(failure) => {
            let cost = match failure.cause {
                FailureCause::NotSent | FailureCause::ConnectionLost => RETRY_COST,
                FailureCause::AttemptTimeout => TIMEOUT_RETRY_COST,
                _ => return None,
            };
            let outcome_unknown = failure.may_have_been_applied();
            (is_idempotent || !outcome_unknown).then(|| retry(cost, outcome_unknown))
        }
        Ok(response) => {
            let retry_after = retry_after(response.headers());
            match response.status() {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE if !has_one_time_code => {
                    // A service that sends `Retry-After` controls its load, so such a retry does not use the
                    // budget.
                    let cost = if retry_after.is_some() { 0 } else { RETRY_COST };
                    let is_unconfirmed = response.status() == StatusCode::SERVICE_UNAVAILABLE;
                    Some(AllowedRetry { retry_after, is_unconfirmed, ..retry(cost, false) })
                }
                StatusCode::REQUEST_TIMEOUT
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::GATEWAY_TIMEOUT
                    if is_idempotent =>
                {
                    Some(AllowedRetry { retry_after, ..retry(RETRY_COST, true) })
                }
                _ => None,
            }
        }
    }
}

/// Changes a 404 response for a `DELETE` to success, because an earlier attempt has probably deleted the resource.
fn not_found_to_deleted(operation: &Operation, mut response: Response<Bytes>) -> Response<Bytes> {
    if operation.method == Method::DELETE && response.status() == StatusCode::NOT_FOUND {
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.body_mut() = Bytes::new();
    }
    response
}
