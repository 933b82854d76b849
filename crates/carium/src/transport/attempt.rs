//! The attempt layer: one attempt of a call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};
use tokio::time::{Instant, timeout};

use super::call_state::CallState;
use super::failure::{FailureCause, TransportFailure};

/// Limits the duration of an attempt, counts it and logs its result.
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
        let state = CallState::of_request(&request).cloned();
        if state.as_ref().is_some_and(CallState::is_past_deadline) {
            return Err(TransportFailure::new(FailureCause::CallTimeout { in_flight: false }).into());
        }
        let number = state.as_ref().map_or(1, CallState::begin_attempt);
        // If this future is dropped before the response arrives, the outcome of the request stays unknown.
        let was_unknown = state.as_ref().is_some_and(CallState::is_outcome_unknown);
        if let Some(state) = &state {
            state.set_outcome_unknown(true);
        }
        let start = Instant::now();
        let result = timeout(self.timeout, self.inner.send(operation, request))
            .await
            .unwrap_or_else(|_| Err(TransportFailure::new(FailureCause::AttemptTimeout).into()))
            .map_err(TransportFailure::from_error);
        let duration = start.elapsed();
        if let Some(state) = &state {
            let is_unknown = result.as_ref().is_err_and(TransportFailure::may_have_been_applied);
            state.set_outcome_unknown(was_unknown || is_unknown);
        }
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
        Ok(result?)
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
