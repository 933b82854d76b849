//! The deadline layer: the time limit and the tracing span of a call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};
use tokio::time::{Instant, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::attempt::millis;
use super::call_state::{CallReport, CallState, RequestUri};
use super::failure::{FailureCause, TransportFailure};
use crate::request_id::request_id;

/// Ends a call at its deadline, whether it waits for a token, for the concurrency limit, for a response or for
/// the next attempt.
///
/// The fields of the span follow OpenTelemetry's semantic conventions for HTTP clients. They contain no URLs,
/// no headers and no bodies.
pub(crate) struct Deadline<T> {
    inner: T,
    timeout: Duration,
    server: Arc<str>,
}

impl<T> Deadline<T> {
    pub(crate) fn new(inner: T, timeout: Duration, server: Arc<str>) -> Self {
        Self { inner, timeout, server }
    }
}

#[async_trait]
impl<T: Transport> Transport for Deadline<T> {
    async fn send(
        &self,
        operation: &'static Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let start = Instant::now();
        let deadline = start + self.timeout;
        let state = CallState::new(deadline);
        let request_uri = RequestUri(request.uri().clone());
        request.extensions_mut().insert(state.clone());
        let span = tracing::info_span!(
            "carium",
            otel.name = operation.id,
            otel.kind = "client",
            carium.operation = operation.id,
            http.request.method = operation.method.as_str(),
            url.template = operation.path,
            server.address = &*self.server,
            http.response.status_code = Empty,
            http.request.resend_count = Empty,
            carium.request_id = Empty,
            error.r#type = Empty,
            duration_ms = Empty,
        );
        let result = timeout_at(deadline, self.inner.send(operation, request).instrument(span.clone()))
            .await
            .map_or_else(
                |_| {
                    Err(TransportFailure::new(FailureCause::CallTimeout {
                        in_flight: state.is_outcome_unknown(),
                    }))
                },
                |result| result.map_err(TransportFailure::from_error),
            );
        record_result(&span, &result, state.report(), start.elapsed());
        state.attach_report(result.map(|mut response| {
            response.extensions_mut().insert(request_uri);
            response
        }))
    }
}

fn record_result(
    span: &Span,
    result: &Result<Response<Bytes>, TransportFailure>,
    report: CallReport,
    duration: Duration,
) {
    span.record("duration_ms", millis(duration));
    span.record("http.request.resend_count", report.attempts.saturating_sub(1));
    match result {
        Ok(response) => {
            span.record("http.response.status_code", response.status().as_u16());
            if let Some(id) = request_id(response.headers()) {
                span.record("carium.request_id", id);
            }
            if !response.status().is_success() {
                span.record("error.type", response.status().as_str());
            }
        }
        Err(failure) => {
            span.record("error.type", failure.error_type());
        }
    }
}
