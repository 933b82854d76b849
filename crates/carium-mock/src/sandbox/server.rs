//! The HTTP server of the sandbox.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::route::{Route, redacted_call, route};
use super::violation_log::ViolationLog;
use crate::listener::{BodyEnd, Connection, ConnectionClosed, CutSignal, ResponseBody};
use crate::service::response::ErrorResponse;
use crate::service::{CallOutcome, Service};
use crate::spec_check::Violation;

/// Requests of this API are small, so larger bodies are rejected.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

pub(super) async fn serve_connection(
    socket: TcpStream,
    service: Arc<Service>,
    violations: Arc<ViolationLog>,
) {
    let cut = CutSignal::default();
    let connection = TokioIo::new(Connection { socket, cut: cut.clone() });
    let handler = service_fn(move |request| {
        let (service, violations, cut) = (Arc::clone(&service), Arc::clone(&violations), cut.clone());
        async move {
            let (response, end) = match serve(&service, &violations, request).await {
                CallOutcome::Responded(response) => (response, BodyEnd::Complete),
                CallOutcome::Truncated(response) => {
                    let half = response.body().len() as u64 / 2;
                    (response, BodyEnd::Cut(half, cut))
                }
                CallOutcome::Reset => return Err(ConnectionClosed),
                CallOutcome::Hang => std::future::pending().await,
            };
            Ok(response.map(|body| ResponseBody::new(body, end)))
        }
    });
    drop(http1::Builder::new().serve_connection(connection, handler).await);
}

async fn serve(service: &Service, violations: &ViolationLog, request: Request<Incoming>) -> CallOutcome {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_REQUEST_BYTES).collect().await {
        Ok(body) => body,
        Err(error) if error.is::<LengthLimitError>() => {
            let expected = format!("a body of at most {MAX_REQUEST_BYTES} bytes");
            let call = redacted_call(&head.method, head.uri.path());
            violations.add(Violation::unknown_call(call, expected));
            let detail = "The request body is too large.";
            let error = ErrorResponse::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail);
            return CallOutcome::Responded(error.into_response());
        }
        // The client has disconnected.
        Err(_) => return CallOutcome::Reset,
    };
    let request = Request::from_parts(head, body.to_bytes());
    let (method, path) = (request.method(), request.uri().path());
    let report = |expected: String| {
        violations.add(Violation::unknown_call(redacted_call(method, path), expected));
    };
    match route(method, path) {
        Route::Operation(operation) => {
            let outcome = service.handle(operation, &request);
            let response = match &outcome {
                CallOutcome::Responded(response) | CallOutcome::Truncated(response) => Some(response),
                CallOutcome::Reset | CallOutcome::Hang => None,
            };
            violations.check(operation, &request, response);
            outcome
        }
        Route::MethodNotAllowed(methods) => {
            let allowed: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            let allowed = allowed.join(", ");
            report(format!("one of the methods {allowed}"));
            CallOutcome::Responded(method_not_allowed(&allowed))
        }
        Route::NotFound(similar) => {
            report(similar.map_or("a path in the spec".to_owned(), |path| format!("a path such as {path}")));
            CallOutcome::Responded(path_not_found(similar))
        }
    }
}

fn method_not_allowed(allowed: &str) -> Response<Bytes> {
    let detail = format!("The path supports only {allowed}.");
    let error = ErrorResponse::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
    let mut response = error.into_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

fn path_not_found(similar: Option<&str>) -> Response<Bytes> {
    let hint = similar.map(|path| format!(" Did you mean {path}?")).unwrap_or_default();
    let detail = format!("The path is not in the spec. Every path of the API ends with a slash.{hint}");
    ErrorResponse::new(StatusCode::NOT_FOUND, "unknown-path", detail).into_response()
}
