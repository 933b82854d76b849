//! Converts results of the low-level client into results of this crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;

use carium_api::types::ErrorDocument;
use carium_api::{Operation, Response, ResponseValue, RetryClass};
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind};
use crate::headers::{request_id, retry_after};
use crate::problem::{Problem, kebab_case};
use crate::transport::{CallReport, FailureCause, TransportFailure};

type ApiResult<T> = Result<ResponseValue<T>, carium_api::Error<ErrorDocument>>;

/// Returns the decoded value of a response.
pub(crate) fn convert_result<T>(operation: &Operation, result: ApiResult<T>) -> Result<T, Error> {
    result.map(ResponseValue::into_inner).map_err(|error| convert_error(operation, error))
}

/// Checks the response of an operation whose result is only its status. A page of HTML is not a response of the service but
/// of a proxy or a portal, which can have dropped the request.
pub(crate) fn convert_empty_result(operation: &Operation, result: ApiResult<()>) -> Result<(), Error> {
    let response = result.map_err(|error| convert_error(operation, error))?;
    let media_type = response.headers().get(CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    let is_page = media_type.is_some_and(|media_type| media_type.starts_with(b"text/html"));
    // Status 204 has no body. A deletion that was retried gets it in place of 404.
    if !is_page || response.status() == StatusCode::NO_CONTENT {
        return Ok(());
    }
    let message =
        "the response is a page of HTML, which the service does not send: check the proxy and the base URL";
    let report = report(response.extensions());
    Err(unreadable(operation, message, response.status(), response.headers(), report)
        .with(|inner| inner.operation = Some(operation.clone())))
}

/// Returns the decoded value of a response, or `None` if the service reported success without a resource: the body is
/// empty, or a JSON object without `data`.
pub(crate) fn convert_optional_result<T>(
    operation: &Operation,
    result: ApiResult<T>,
) -> Result<Option<T>, Error> {
    match result {
        Err(carium_api::Error::UnexpectedResponse(response)) if is_success_without_data(&response) => {
            Ok(None)
        }
        Err(carium_api::Error::Undecodable(error)) if is_success_without_data(error.response()) => Ok(None),
        result => convert_result(operation, result).map(Some),
    }
}

pub(crate) fn is_success_without_data(response: &Response) -> bool {
    let has_no_data = || {
        let members = response.clone().json::<Map<String, Value>>();
        members.is_ok_and(|members| members.get("data").is_none_or(Value::is_null))
    };
    response.status().is_success() && (response.body().is_empty() || has_no_data())
}

/// Converts an error of the low-level client.
pub(crate) fn convert_error(operation: &Operation, error: carium_api::Error<ErrorDocument>) -> Error {
    match error {
        carium_api::Error::InvalidRequest(message) => Error::new(ErrorKind::InvalidInput, message),
        carium_api::Error::Transport(error) => from_failure(operation, TransportFailure::from_error(error)),
        carium_api::Error::ErrorResponse(document) => {
            let problems = Problem::from_document(&document);
            let report = report(document.extensions());
            let error = from_status(operation, document.status(), document.headers(), report);
            error.with(|inner| {
                let codes = problems.iter().filter_map(Problem::code).map(kebab_case);
                inner.code = codes.into_iter().find(|code| !code.is_empty());
                inner.problems = problems;
            })
        }
        carium_api::Error::UnexpectedResponse(response) => from_unexpected_response(operation, &response),
        carium_api::Error::Undecodable(undecodable) => {
            let message = if undecodable.response().body().is_empty() {
                "the service reported success, but its response is empty"
            } else {
                "the service reported success, but its response could not be decoded"
            };
            undecodable_response(operation, message, undecodable.response())
                .with(|inner| inner.source = Some(Arc::new(undecodable)))
        }
        other => Error::new(ErrorKind::Undecodable, other.to_string()),
    }
    // If signing in failed, the error already has the operation `login`.
    .with(|inner| {
        inner.operation.get_or_insert_with(|| operation.clone());
    })
}

fn report(extensions: &Extensions) -> CallReport {
    // A custom transport that is used directly with the low-level client does not set a report.
    extensions.get().copied().unwrap_or_default()
}

fn from_failure(operation: &Operation, failure: TransportFailure) -> Error {
    let report = failure.report;
    let may_have_been_applied = failure.may_have_been_applied() && operation.retry != RetryClass::Safe;
    let (kind, message) = match failure.cause {
        // The error describes the failed sign-in. Only an earlier attempt of the operation itself can have been
        // applied.
        FailureCause::SignIn(error) => {
            return error.with(|inner| {
                inner.may_have_been_applied = may_have_been_applied;
                inner.attempts += report.attempts;
                inner.not_sent &= report.attempts == 0;
            });
        }
        FailureCause::NotSent => (ErrorKind::Unavailable, "could not reach the service; retry later"),
        FailureCause::OtherOrigin => (
            ErrorKind::InvalidInput,
            "the request was not sent, because its URL has another origin than the base URL",
        ),
        FailureCause::ConnectionLost => {
            (ErrorKind::Unavailable, "the connection was closed before the response was complete")
        }
        FailureCause::AttemptTimeout => {
            (ErrorKind::TimedOut, "the service did not respond in time; retry later")
        }
        FailureCause::ResponseTooLarge => {
            (ErrorKind::Undecodable, "the response is larger than the client's `max_response_bytes` limit")
        }
        FailureCause::CallTimeout => (
            ErrorKind::TimedOut,
            "the call did not complete within its timeout; retry later or with a longer timeout",
        ),
    };
    let (kind, message): (_, Cow<'static, str>) = match failure.connect {
        Some(reason) => (reason.kind(), reason.message("the service").into()),
        None => (kind, message.into()),
    };
    let not_sent = matches!(failure.cause, FailureCause::NotSent) && !report.outcome_unknown;
    let source: Arc<dyn StdError + Send + Sync> = Arc::new(failure);
    Error::new(kind, message).with(|inner| {
        inner.attempts = report.attempts;
        inner.not_sent = not_sent;
        inner.may_have_been_applied = may_have_been_applied;
        inner.source = Some(source);
    })
}

fn from_unexpected_response(operation: &Operation, response: &Response) -> Error {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        return from_status(operation, status, response.headers(), report(response.extensions()));
    }
    let message = if status.is_redirection() {
        "the service responded with a redirect, which is not followed; check the base URL"
    } else if status.is_success() && response.body().is_empty() {
        "the service reported success, but its response is empty"
    } else {
        "the service responded with an unexpected status"
    };
    undecodable_response(operation, message, response)
}

/// Returns an error for a response without an error status that this crate cannot interpret.
///
/// The operation was probably applied, but the result, such as the ID of a created patient, is lost.
fn undecodable_response(operation: &Operation, message: &'static str, response: &Response) -> Error {
    unreadable(operation, message, response.status(), response.headers(), report(response.extensions()))
}

fn unreadable(
    operation: &Operation,
    message: &'static str,
    status: StatusCode,
    headers: &HeaderMap,
    report: CallReport,
) -> Error {
    from_status(operation, status, headers, report).with(|inner| {
        (inner.kind, inner.message) = (ErrorKind::Undecodable, message.into());
        inner.may_have_been_applied = operation.retry != RetryClass::Safe;
    })
}

fn from_status(operation: &Operation, status: StatusCode, headers: &HeaderMap, report: CallReport) -> Error {
    use ErrorKind as Kind;
    let (kind, message) = match status.as_u16() {
        401 if operation.needs_token => {
            (Kind::Unauthenticated, "the service rejected the access token, including a newly issued one")
        }
        401 => (Kind::Unauthenticated, "the service rejected the username, password or one-time code"),
        403 => (
            Kind::Forbidden,
            "the account does not have permission for this operation; ask its administrator",
        ),
        404 | 410 => (Kind::NotFound, "the requested resource does not exist"),
        409 => (Kind::Conflict, "the request conflicts with existing data"),
        408 => (Kind::TimedOut, "the service timed out waiting for the request; retry later"),
        429 => (Kind::RateLimited, "too many requests; retry later"),
        500..=599 => (Kind::Unavailable, "the service failed to process the request; retry later"),
        _ => (Kind::Rejected, "the service rejected the request"),
    };
    // After these statuses the operation may have been applied. After all other error statuses it was not.
    let status_is_ambiguous = matches!(status.as_u16(), 408 | 500..=502 | 504..=599);
    let outcome_unknown = status_is_ambiguous || report.outcome_unknown;
    Error::new(kind, message).with(|inner| {
        inner.status = Some(status);
        inner.request_id = request_id(headers).map(str::to_owned);
        inner.attempts = report.attempts;
        inner.retry_after = retry_after(headers);
        inner.may_have_been_applied = outcome_unknown && operation.retry != RetryClass::Safe;
    })
}
