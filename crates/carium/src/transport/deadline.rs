//! One deadline for the whole call, and the span that tells of it.

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
use super::call::{CallReport, CallState, SentTo};
use super::failure::{Cause, TransportFailure};
use crate::request_id::request_id;

/// Ends a call at its deadline, wherever it is: waiting for a token, for its turn, for an answer or for the
/// next try. The span has the names of OpenTelemetry's conventions for HTTP clients, and neither URL nor
/// header nor body.
pub(crate) struct Deadline<T> {
    inner: T,
    length: Duration,
    server: Arc<str>,
}

impl<T> Deadline<T> {
    pub(crate) fn new(inner: T, length: Duration, server: Arc<str>) -> Self {
        Self { inner, length, server }
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
        let deadline = start + self.length;
        let state = CallState::new(deadline);
        let sent_to = SentTo(request.uri().clone());
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
                |_| Err(TransportFailure::new(Cause::Deadline { in_flight: state.is_in_doubt() })),
                |result| result.map_err(TransportFailure::of),
            );
        tell(&span, &result, state.report(), start.elapsed());
        state.reported(result.map(|mut response| {
            response.extensions_mut().insert(sent_to);
            response
        }))
    }
}

fn tell(
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
            span.record("error.type", failure.kind());
        }
    }
}
