//! Repeating what may be repeated.
//!
//! | class | repeated after |
//! | --- | --- |
//! | safe, idempotent | a connection that was never made, a lost answer, a timeout, 408, 429, 500, 502, 503, 504 |
//! | create | what was certainly not done: a connection that was never made, 429, 503 |
//!
//! A request that holds a one-time code is repeated only when it was never sent. A 404 on a repeated DELETE
//! is success. The wait before a repetition is drawn from 0 to a bound that doubles (full jitter), is at least
//! what `Retry-After` asks for, and is not begun when it would end past the deadline.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, RetryClass, Transport, TransportError};
use http::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, sleep};

use super::call::CallState;
use super::failure::{Cause, TransportFailure};
use super::retry_after::retry_after;

/// How often and how soon a call is repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    max_attempts: u32,
    first_delay: Duration,
    longest_delay: Duration,
}

/// Past any deadline, and within what a clock can add.
const LONGEST_DELAY: Duration = Duration::from_hours(24);

impl Default for RetryPolicy {
    /// 5 tries; the first wait is up to 200 ms, the longest up to 10 s.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            first_delay: Duration::from_millis(200),
            longest_delay: Duration::from_secs(10),
        }
    }
}

impl RetryPolicy {
    /// No repetition.
    pub fn never() -> Self {
        Self::default().max_attempts(1)
    }

    /// So many tries at the most, the first included. At least one is made.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The bound of the first wait, which doubles from there, and that of the longest. Each a day at the most.
    #[must_use]
    pub fn delays(mut self, first: Duration, longest: Duration) -> Self {
        (self.first_delay, self.longest_delay) = (first.min(LONGEST_DELAY), longest.min(LONGEST_DELAY));
        self
    }

    /// Whether a try of this number, counted from 1, is to be made.
    pub(crate) fn permits(&self, attempt: u32) -> bool {
        attempt <= self.max_attempts
    }

    /// The wait after a try, counted from 1: a part of its bound, drawn from 0 to 1.
    pub(crate) fn delay(&self, attempt: u32, drawn: f64) -> Duration {
        let drawn = if drawn.is_finite() { drawn.clamp(0.0, 1.0) } else { 1.0 };
        self.bound(attempt).mul_f64(drawn)
    }

    /// The bound of the wait after a try, counted from 1.
    fn bound(&self, attempt: u32) -> Duration {
        // 2^16 times any first delay is past every longest one that makes sense.
        let doublings = attempt.saturating_sub(1).min(16);
        self.first_delay.saturating_mul(1 << doublings).min(self.longest_delay)
    }
}

/// One budget of repetitions for the whole client: when much fails, most of it is not repeated, so that a
/// service that is coming back is not kept down by those who wait for it.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: Mutex<u32>,
}

/// Enough for a hundred repetitions in a row that lead to nothing.
const CAPACITY: u32 = 500;
const COST: u32 = 5;
/// A timeout has already kept the service busy.
const COST_AFTER_TIMEOUT: u32 = 10;
const REFUND: u32 = 1;

impl Budget {
    pub(crate) fn new() -> Self {
        Self { tokens: Mutex::new(CAPACITY) }
    }

    fn spend(&self, cost: u32) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let left = tokens.checked_sub(cost);
        *tokens = left.unwrap_or(*tokens);
        left.is_some()
    }

    /// A success gives back what it cost to come by, and a little of what others lost.
    fn refund(&self, spent: u32) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        *tokens = tokens.saturating_add(spent + REFUND).min(CAPACITY);
    }
}

pub(crate) struct Retried<T> {
    inner: T,
    policy: RetryPolicy,
    budget: Arc<Budget>,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl<T> Retried<T> {
    pub(crate) fn new(
        inner: T,
        policy: RetryPolicy,
        budget: Arc<Budget>,
        random: Arc<dyn Fn() -> f64 + Send + Sync>,
    ) -> Self {
        Self { inner, policy, budget, random }
    }

    /// How long to wait before the next try; `None` where there is to be none.
    fn wait(&self, attempt: u32, again: Again, deadline: Option<Instant>) -> Option<Duration> {
        if !self.policy.permits(attempt + 1) {
            return None;
        }
        let wait = self.policy.delay(attempt, (self.random)()).max(again.asked_for.unwrap_or_default());
        let over = Instant::now().checked_add(wait);
        let in_time = over.is_some_and(|over| deadline.is_none_or(|deadline| over < deadline));
        (in_time && self.budget.spend(again.cost)).then_some(wait)
    }
}

#[async_trait]
impl<T: Transport> Transport for Retried<T> {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let state = CallState::of(&request).cloned();
        let deadline = state.as_ref().map(CallState::deadline);
        let once = holds_code(operation, request.body());
        let (mut attempt, mut spent) = (1, 0);
        loop {
            let result = self.inner.send(operation, request.clone()).await.map_err(TransportFailure::of);
            let Some(again) = judge(operation.retry, once, &result) else {
                if result.as_ref().is_ok_and(|response| response.status().is_success()) {
                    self.budget.refund(spent);
                }
                return Ok(if attempt > 1 { gone_is_deleted(operation, result?) } else { result? });
            };
            let Some(wait) = self.wait(attempt, again, deadline) else { return Ok(result?) };
            spent += again.cost;
            if let (Some(state), true) = (&state, again.in_doubt) {
                state.set_in_doubt(true);
            }
            sleep(wait).await;
            attempt += 1;
        }
    }
}

/// Whether a request is a sign-in with a one-time code in it, which must not reach the service twice.
fn holds_code(operation: &Operation, body: &[u8]) -> bool {
    let name = br#""totp-code""#;
    !operation.needs_token && body.windows(name.len()).any(|window| window == name)
}

/// A repetition that may be made.
#[derive(Clone, Copy, Debug)]
struct Again {
    asked_for: Option<Duration>,
    cost: u32,
    /// Whether what is repeated may have been carried out.
    in_doubt: bool,
}

fn judge(class: RetryClass, once: bool, result: &Result<Response<Bytes>, TransportFailure>) -> Option<Again> {
    let repeatable = class != RetryClass::Create;
    let again = |cost, in_doubt| Again { asked_for: None, cost, in_doubt };
    match result {
        Err(failure) => match failure.cause {
            Cause::NotSent => Some(again(COST, false)),
            Cause::Lost if repeatable => Some(again(COST, true)),
            Cause::TimedOut if repeatable => Some(again(COST_AFTER_TIMEOUT, true)),
            _ => None,
        },
        Ok(response) => {
            let asked_for = retry_after(response.headers());
            match response.status() {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE if !once => {
                    // A service that says when to come back is not one that is going down.
                    let cost = if asked_for.is_some() { 0 } else { COST };
                    Some(Again { asked_for, ..again(cost, false) })
                }
                StatusCode::REQUEST_TIMEOUT
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::GATEWAY_TIMEOUT
                    if repeatable =>
                {
                    Some(Again { asked_for, ..again(COST, true) })
                }
                _ => None,
            }
        }
    }
}

/// An earlier try has deleted it, then.
fn gone_is_deleted(operation: &Operation, mut response: Response<Bytes>) -> Response<Bytes> {
    if operation.method == Method::DELETE && response.status() == StatusCode::NOT_FOUND {
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.body_mut() = Bytes::new();
    }
    response
}
