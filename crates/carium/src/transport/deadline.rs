//! The outermost layer: the time limit and the tracing span of a call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, RetryClass, Transport, TransportError};
use http::{Request, Response, Uri};
use tokio::time::{Instant, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::attempt::millis;
use super::failure::{CallReport, FailureCause, TransportFailure};
use super::interceptor::Interceptors;
use super::layer::{CallContext, CallSettings, Layer};
use crate::headers::request_id;

/// Creates the context of a call and adapts the layers to the low-level client.
///
/// Ends the call at its deadline, whether it waits for a token, for the concurrency limit, for a response or for
/// the next attempt. The result has a [`CallReport`], and a response also has the [`RequestUri`].
///
/// The fields of the span follow OpenTelemetry's semantic conventions for HTTP clients. They contain no URLs,
/// no headers and no bodies.
pub(crate) struct Deadline<T> {
    inner: T,
    timeout: Duration,
    server: Arc<str>,
    interceptors: Interceptors,
}

impl<T> Deadline<T> {
    pub(crate) fn new(inner: T, timeout: Duration, server: Arc<str>, interceptors: Interceptors) -> Self {
        Self { inner, timeout, server, interceptors }
    }

    fn span(&self, operation: &Operation) -> Span {
        tracing::info_span!(
            "carium",
            otel.name = %operation,
            otel.kind = "client",
            carium.operation = operation.id,
            http.request.method = operation.method.as_str(),
            url.template = &*operation.path,
            server.address = &*self.server,
            http.response.status_code = Empty,
            http.request.resend_count = Empty,
            carium.request_id = Empty,
            error.r#type = Empty,
            carium.outcome = Empty,
            duration_ms = Empty,
        )
    }
}

#[async_trait]
impl<T: Layer> Transport for Deadline<T> {
    async fn send(
        &self,
        operation: &Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let start = Instant::now();
        let settings = request.extensions().get::<CallSettings>().copied().unwrap_or_default();
        let deadline = start + settings.call_timeout.unwrap_or(self.timeout);
        let call = CallContext::new(deadline, settings, self.interceptors.clone());
        let uri = RequestUri(request.uri().clone());
        let span = self.span(operation);
        let drop_guard = DropGuard { operation, call: &call, span: &span, start };
        let inner = self.inner.send(&call, operation, &mut request).instrument(span.clone());
        let result = timeout_at(call.deadline, inner)
            .await
            .unwrap_or_else(|_| Err(TransportFailure::new(FailureCause::CallTimeout)));
        drop_guard.disarm();
        call.reporter.report_last(operation, "deadline");
        let report = call.report();
        if report.outcome_unknown && result.is_err() && operation.retry != RetryClass::Safe {
            span.record("carium.outcome", "unknown");
        }
        record_result(&span, &result, report, start.elapsed());
        match result {
            Ok(mut response) => {
                response.extensions_mut().insert(report);
                response.extensions_mut().insert(uri);
                Ok(response)
            }
            Err(mut failure) => {
                failure.report = report;
                Err(failure.into())
            }
        }
    }
}

/// Reports a call whose future was dropped before it ended, for example by a timeout of the caller.
struct DropGuard<'a> {
    operation: &'a Operation,
    call: &'a CallContext,
    span: &'a Span,
    start: Instant,
}

impl DropGuard<'_> {
    /// Ends the guard of a call that has ended.
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for DropGuard<'_> {
    fn drop(&mut self) {
        let Self { operation, call, span, start } = self;
        call.reporter.report_last(operation, "dropped");
        let CallReport { attempts, outcome_unknown } = call.report();
        span.record("duration_ms", millis(start.elapsed()));
        span.record("error.type", "dropped");
        // If no attempt is in progress and none is unclear, the call had no effect.
        if !outcome_unknown || operation.retry == RetryClass::Safe {
            return;
        }
        span.record("carium.outcome", "unknown");
        if operation.retry == RetryClass::Create && operation.needs_token {
            tracing::warn!(
                parent: *span,
                carium.operation = %operation,
                carium.outcome = "unknown",
                attempts,
                "the call was dropped after its request may have been sent: check whether it was applied"
            );
        }
    }
}

/// The URI of a request, in the extensions of its response. Lists use it to detect page links that form a
/// cycle.
///
/// It does not implement `Debug`, because a URI can contain IDs.
#[derive(Clone)]
pub(crate) struct RequestUri(pub(crate) Uri);

fn record_result(
    span: &Span,
    result: &Result<Response<Bytes>, TransportFailure>,
    report: CallReport,
    duration: Duration,
) {
    if span.is_disabled() {
        return;
    }
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
