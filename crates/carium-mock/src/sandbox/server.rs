//! The HTTP interface of the sandbox: it maps requests to operations, and checks requests and responses.

use bytes::Bytes;
use carium_api::{Operation, RetryClass, operations};
use http::header::{ALLOW, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::violation_log::ViolationLog;
use crate::listener::{BodyEnd, ConnectionClosed, Reply};
use crate::service::message::ErrorResponse;
use crate::service::routing::{Route, route, segments};
use crate::service::{CallOutcome, Service};
use crate::spec_check::{Violation, check_request};

/// Requests of this API are small, so larger bodies are rejected.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// Handles a request.
pub(super) async fn serve(service: &Service, violations: &ViolationLog, request: Request<Incoming>) -> Reply {
    match respond(service, violations, request).await {
        CallOutcome::Responded(response) => Ok((response, BodyEnd::Complete)),
        CallOutcome::Truncated(response) => {
            let end = BodyEnd::middle_of(response.body());
            Ok((response, end))
        }
        CallOutcome::Reset => Err(ConnectionClosed),
        CallOutcome::Hang => std::future::pending().await,
    }
}

async fn respond(service: &Service, violations: &ViolationLog, request: Request<Incoming>) -> CallOutcome {
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
            let found = check_request(operation, &request);
            let outcome = service.handle(operation, &request, &found);
            let response = match &outcome {
                CallOutcome::Responded(response) | CallOutcome::Truncated(response) => Some(response),
                CallOutcome::Reset | CallOutcome::Hang => None,
            };
            violations.extend(found);
            if let Some(response) = response {
                violations.check_response(operation, response);
            }
            outcome
        }
        Route::NotFound | Route::MethodNotAllowed(_) if service.has_resource(path) => {
            let class = RetryClass::Create;
            // The spec does not describe the resource, so there is nothing to check.
            service.handle(&Operation::at_run_time(method.clone(), path.to_owned(), class), &request, &[])
        }
        Route::MethodNotAllowed(methods) => {
            let allowed: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            let allowed = allowed.join(", ");
            report(format!("one of the methods {allowed}"));
            CallOutcome::Responded(method_not_allowed(&allowed))
        }
        Route::NotFound => {
            let similar = most_similar(path);
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

/// Formats a call without data of the client: the method and the path segments that the spec defines are printed, and
/// all others are replaced.
fn redacted_call(method: &Method, path: &str) -> String {
    let is_known = |segment: &str| {
        operations::ALL.iter().any(|operation| segments(&operation.path).contains(&segment))
            && !segment.starts_with('{')
    };
    let method = operations::ALL.iter().map(|operation| &operation.method).find(|known| *known == method);
    let mut call = format!("{} /", method.map_or("(unknown method)", Method::as_str));
    for segment in segments(path) {
        call.push_str(if is_known(segment) { segment } else { "…" });
        call.push('/');
    }
    if !path.ends_with('/') {
        call.pop();
    }
    call
}

/// Returns the path of the spec that shares the longest prefix and suffix with this one, as a hint for a typo.
fn most_similar(path: &str) -> Option<&'static str> {
    let similarity = |operation: &&Operation| {
        let is_equal = |(one, other): &(u8, u8)| one == other;
        let prefix = path.bytes().zip(operation.path.bytes()).take_while(is_equal).count();
        let suffix = path.bytes().rev().zip(operation.path.bytes().rev()).take_while(is_equal).count();
        (prefix + suffix).saturating_sub(path.len().abs_diff(operation.path.len()))
    };
    let best = operations::ALL.iter().copied().max_by_key(similarity)?;
    // Every path starts and ends with a slash, so these two bytes are not a similarity.
    (similarity(&best) > 2).then_some(&*best.path)
}
