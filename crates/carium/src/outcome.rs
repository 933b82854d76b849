//! What came of a call of the low-level client, in the words of this crate.

use std::error::Error as StdError;
use std::sync::Arc;

use carium_api::types::ErrorDocument;
use carium_api::{Operation, Response, ResponseValue, RetryClass};
use http::{Extensions, HeaderMap, StatusCode};

use crate::error::{Error, ErrorKind};
use crate::problem::Problem;
use crate::request_id::request_id;
use crate::transport::retry_after;
use crate::transport::{CallReport, Cause, SentTo, TransportFailure};

type Answered<T> = Result<ResponseValue<T>, carium_api::Error<ErrorDocument>>;

/// The value of an answer with where it came from, or the error that it comes down to.
pub(crate) fn of<T>(
    operation: &'static Operation,
    answered: Answered<T>,
) -> Result<(T, Option<SentTo>), Error> {
    match answered {
        Ok(value) => {
            let sent_to = value.extensions().get().cloned();
            Ok((value.into_inner(), sent_to))
        }
        Err(error) => Err(of_error(operation, error)),
    }
}

/// The error that one of the low-level client comes down to.
pub(crate) fn of_error(operation: &'static Operation, error: carium_api::Error<ErrorDocument>) -> Error {
    match error {
        carium_api::Error::InvalidRequest(what) => Error::new(ErrorKind::InvalidInput, what),
        carium_api::Error::Transport(error) => of_failure(operation, TransportFailure::of(error)),
        carium_api::Error::ErrorResponse(said) => {
            let problems = Problem::of_document(&said);
            let error = of_status(operation, said.status(), said.headers(), report(said.extensions()));
            error.with(|inner| inner.problems = problems)
        }
        carium_api::Error::UnexpectedResponse(response) => of_unexpected(operation, &response),
        carium_api::Error::Undecodable(undecodable) => {
            let response = undecodable.response();
            let what = "the service said yes in a form that its description does not know";
            answered_with(operation, ErrorKind::Undecodable, what, response)
                // It was done, or why would it say yes; what was made has no name now.
                .with(|inner| inner.may_have_been_applied = operation.retry != RetryClass::Safe)
                .with(|inner| inner.source = Some(Arc::new(undecodable)))
        }
        other => Error::new(ErrorKind::Undecodable, other.to_string()),
    }
    // A failure of signing in is one of another operation.
    .with(|inner| inner.operation = inner.operation.or(Some(operation)))
}

fn report(extensions: &Extensions) -> CallReport {
    // A transport of one's own, handed to the low-level client alone, leaves none.
    extensions.get().copied().unwrap_or_default()
}

fn of_failure(operation: &'static Operation, failure: TransportFailure) -> Error {
    let report = failure.report;
    let in_doubt = report.in_doubt || failure.may_have_been_applied();
    let (kind, what) = match failure.cause {
        // Signing in has its own operation and its own story; what an earlier try left in doubt stays so.
        Cause::SignIn(error) => {
            let in_doubt = report.in_doubt && operation.retry != RetryClass::Safe;
            return error.with(|inner| inner.may_have_been_applied = in_doubt);
        }
        Cause::NotSent => (ErrorKind::Unavailable, "the service cannot be reached; try again later"),
        Cause::Lost => (ErrorKind::Unavailable, "the connection ended before the whole answer was there"),
        Cause::TimedOut => (ErrorKind::TimedOut, "there was no answer in time; try again later"),
        Cause::TooLarge => {
            (ErrorKind::Undecodable, "the answer is larger than the limit that the client was given")
        }
        Cause::Deadline { .. } => {
            (ErrorKind::TimedOut, "the deadline of the call passed; try again later, or with a longer one")
        }
    };
    let not_sent = matches!(failure.cause, Cause::NotSent) && !report.in_doubt;
    let source: Arc<dyn StdError + Send + Sync> = Arc::new(failure);
    Error::new(kind, what).with(|inner| {
        inner.attempts = report.attempts;
        inner.not_sent = not_sent;
        inner.may_have_been_applied = in_doubt && operation.retry != RetryClass::Safe;
        inner.source = Some(source);
    })
}

fn of_unexpected(operation: &'static Operation, response: &Response) -> Error {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        return of_status(operation, status, response.headers(), report(response.extensions()));
    }
    let what = if status.is_redirection() {
        "the service answered with a redirect, which is not followed; check the base URL"
    } else {
        "the service answered with a status that its description does not know"
    };
    answered_with(operation, ErrorKind::Undecodable, what, response)
        .with(|inner| inner.may_have_been_applied = operation.retry != RetryClass::Safe)
}

fn answered_with(
    operation: &'static Operation,
    kind: ErrorKind,
    what: &'static str,
    response: &Response,
) -> Error {
    let base = of_status(operation, response.status(), response.headers(), report(response.extensions()));
    base.with(|inner| (inner.kind, inner.what) = (kind, what.into()))
}

fn of_status(
    operation: &'static Operation,
    status: StatusCode,
    headers: &HeaderMap,
    report: CallReport,
) -> Error {
    use ErrorKind as Kind;
    let (kind, what) = match status.as_u16() {
        401 if operation.needs_token => {
            (Kind::Unauthenticated, "the service refuses the access token, a new one too")
        }
        401 => (
            Kind::Unauthenticated,
            "the service refuses the credentials; check username, password and one-time code",
        ),
        403 => (Kind::Forbidden, "the account may not do this; ask who manages it"),
        404 | 410 => (Kind::NotFound, "it is not there"),
        409 => (Kind::Conflict, "it contradicts what is there already"),
        408 => (Kind::TimedOut, "the service gave up waiting; try again later"),
        429 => (Kind::RateLimited, "there were too many requests; try again later"),
        500..=599 => (Kind::Unavailable, "the service could not answer; try again later"),
        _ => (Kind::Rejected, "the service refuses what was sent"),
    };
    // These say nothing of what was done before them. The others do: it was not done.
    let unclear = matches!(status.as_u16(), 408 | 500..=502 | 504..=599);
    Error::new(kind, what).with(|inner| {
        inner.status = Some(status);
        inner.request_id = request_id(headers).map(str::to_owned);
        inner.attempts = report.attempts;
        inner.retry_after = retry_after(headers);
        inner.may_have_been_applied = (unclear || report.in_doubt) && operation.retry != RetryClass::Safe;
    })
}
