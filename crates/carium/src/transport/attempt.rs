//! One try.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};
use tokio::time::{Instant, timeout};

use super::call::CallState;
use super::failure::{Cause, TransportFailure};

/// Gives one try a timeout, counts it, and says how it went.
pub(crate) struct Attempt {
    inner: Arc<dyn Transport>,
    timeout: Duration,
}

impl Attempt {
    pub(crate) fn new(inner: Arc<dyn Transport>, timeout: Duration) -> Self {
        Self { inner, timeout }
    }
}

#[async_trait]
impl Transport for Attempt {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let state = CallState::of(&request).cloned();
        if state.as_ref().is_some_and(CallState::is_over) {
            return Err(TransportFailure::new(Cause::Deadline { in_flight: false }).into());
        }
        let number = state.as_ref().map_or(1, CallState::begin_attempt);
        // Whoever drops this future leaves a request behind whose outcome nobody will know.
        let doubted = state.as_ref().is_some_and(CallState::is_in_doubt);
        if let Some(state) = &state {
            state.set_in_doubt(true);
        }
        let start = Instant::now();
        let result = timeout(self.timeout, self.inner.send(operation, request))
            .await
            .unwrap_or_else(|_| Err(TransportFailure::new(Cause::TimedOut).into()))
            .map_err(TransportFailure::of);
        let duration = start.elapsed();
        if let Some(state) = &state {
            state
                .set_in_doubt(doubted || result.as_ref().is_err_and(TransportFailure::may_have_been_applied));
        }
        match &result {
            Ok(response) => tracing::debug!(
                carium.operation = operation.id,
                http.request.resend_count = number - 1,
                http.response.status_code = response.status().as_u16(),
                duration_ms = millis(duration),
                "answered"
            ),
            Err(failure) => tracing::debug!(
                carium.operation = operation.id,
                http.request.resend_count = number - 1,
                error.r#type = failure.kind(),
                duration_ms = millis(duration),
                "not answered"
            ),
        }
        Ok(result?)
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
