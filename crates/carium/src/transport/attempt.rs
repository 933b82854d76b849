//! The layers around one attempt of a call: the concurrency limit and the time limit.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::Operation;
use http::{Request, Response};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::failure::{FailureCause, TransportFailure};
use super::interceptor::{EndedAttempt, Interceptors};
use super::layer::{CallContext, Layer};

/// Sends at most a fixed number of requests at the same time. Other requests wait for a permit until their
/// deadline.
pub(crate) struct ConcurrencyLimit<T> {
    inner: T,
    permits: Semaphore,
}

impl<T> ConcurrencyLimit<T> {
    pub(crate) fn new(inner: T, max_concurrency: usize) -> Self {
        Self { inner, permits: Semaphore::new(max_concurrency.min(Semaphore::MAX_PERMITS)) }
    }
}

#[async_trait]
impl<T: Layer> Layer for ConcurrencyLimit<T> {
    async fn send(
        &self,
        call: &CallContext,
        operation: &Operation,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        // The semaphore is never closed, so `acquire` does not fail.
        let _permit = self.permits.acquire().await.map_err(TransportFailure::not_sent)?;
        // The deadline may have passed while the request waited for the permit.
        call.check_deadline()?;
        self.inner.send(call, operation, request).await
    }
}

/// Limits the duration of an attempt, counts it and logs its result.
pub(crate) struct Attempt {
    inner: Arc<dyn Layer>,
    timeout: Duration,
    interceptors: Interceptors,
}

impl Attempt {
    pub(crate) fn new(inner: Arc<dyn Layer>, timeout: Duration, interceptors: Interceptors) -> Self {
        Self { inner, timeout, interceptors }
    }
}

#[async_trait]
impl Layer for Attempt {
    async fn send(
        &self,
        call: &CallContext,
        operation: &Operation,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        call.check_deadline()?;
        // If this is the second attempt with another token, the retry layer has not reported the first.
        call.reporter.report_retry(operation, Duration::ZERO);
        let number = call.begin_attempt();
        let mut intercepted = None;
        if !self.interceptors.is_empty() {
            let request = intercepted.insert(request.clone());
            self.interceptors.before_attempt(operation, request.headers_mut());
        }
        let request = intercepted.as_mut().unwrap_or(request);
        let limit = call.settings.attempt_timeout.unwrap_or(self.timeout);
        // If this future is dropped before the response arrives, the outcome of the request stays unknown.
        let was_unknown = call.set_outcome_unknown(true);
        let start = Instant::now();
        call.reporter.begin(number, start);
        let result = timeout(limit, self.inner.send(call, operation, request))
            .await
            .unwrap_or_else(|_| Err(TransportFailure::new(FailureCause::AttemptTimeout)));
        let duration = start.elapsed();
        let is_unknown = result.as_ref().is_err_and(TransportFailure::may_have_been_applied);
        call.set_outcome_unknown(was_unknown || is_unknown);
        call.reporter.end(EndedAttempt {
            number,
            status: result.as_ref().ok().map(|response| response.status().as_u16()),
            error_type: result.as_ref().err().map(TransportFailure::error_type),
            duration,
        });
        match &result {
            Ok(response) => tracing::debug!(
                carium.operation = operation.id,
                http.request.resend_count = number - 1,
                http.response.status_code = response.status().as_u16(),
                duration_ms = millis(duration),
                "response received"
            ),
            Err(failure) => tracing::debug!(
                carium.operation = operation.id,
                http.request.resend_count = number - 1,
                error.r#type = failure.error_type(),
                duration_ms = millis(duration),
                "attempt failed"
            ),
        }
        result
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
