//! The error type of this crate.

mod constructors;
mod kind;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use carium_api::Operation;
use http::StatusCode;

pub use kind::ErrorKind;

use crate::page::PageCursor;
use crate::problem::Problem;

/// The error that all functions of this crate return.
///
/// `Error` is opaque. Use its methods to decide message to do next, in this order:
///
/// 1. [`may_have_been_applied`](Self::may_have_been_applied): if `true`, check whether the operation took
///    effect before you retry it.
/// 2. [`is_transient`](Self::is_transient): if `true`, the same call can succeed later.
///    [`retry_after`](Self::retry_after) returns the delay that the service requested.
/// 3. [`kind`](Self::kind): the category of the failure. [`problems`](Self::problems) lists the invalid fields.
///
/// # Logging
///
/// An `Error` is safe to log. Its `Display` and `Debug` output contains no values of the request or the
/// response, no URLs, no headers and no bodies.
///
/// # Examples
///
/// ```
/// use carium::{Error, ErrorKind};
///
/// fn next_action(error: &Error) -> &'static str {
///     if error.may_have_been_applied() {
///         return "check whether the operation was applied before retrying";
///     }
///     if error.is_transient() {
///         return "retry later, and not before `error.retry_after()`";
///     }
///     match error.kind() {
///         ErrorKind::InvalidInput | ErrorKind::Rejected => "correct the fields in `error.problems()`",
///         ErrorKind::Unauthenticated => "check the credentials",
///         _ => "report the error to an operator",
///     }
/// }
/// ```
pub struct Error(Box<ErrorInner>);

pub(crate) struct ErrorInner {
    pub(crate) kind: ErrorKind,
    pub(crate) message: Cow<'static, str>,
    pub(crate) operation: Option<&'static Operation>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) request_id: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) may_have_been_applied: bool,
    /// Whether it is certain that no request reached the service.
    pub(crate) not_sent: bool,
    pub(crate) page: Option<PageCursor>,
    /// Shared, because all calls that wait for the same sign-in get the same source.
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Returns the category of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the ID of the operation that failed, such as `create_patient`.
    ///
    /// Returns `None` if the error does not come from a call. If a call failed because the client could not
    /// sign in, the operation is `login`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation.map(|operation| operation.id)
    }

    /// Returns the HTTP status of the last response, or `None` if there was no response.
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// Returns the service's ID of the last request, if the response had one. Quote it in support requests to
    /// the vendor.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the number of attempts, including the first. It is 0 if no request was attempted.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns the delay that the service requested before the next attempt, from the `Retry-After` header.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the fields that are invalid, as found by this crate or as reported by the service. The list may
    /// be empty or incomplete.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// Returns whether the operation may have been applied even though no response confirmed it.
    ///
    /// The client does not retry such a call if a retry could apply the operation twice. If this is `true`,
    /// check whether the operation took effect, or have a person check, before you retry it.
    ///
    /// Always `false` for operations that only read.
    pub fn may_have_been_applied(&self) -> bool {
        self.0.may_have_been_applied
    }

    /// Returns the page of a list that could not be read. Pass it to
    /// [`ListOptions::start_at`](crate::ListOptions::start_at) to resume the list.
    pub fn page_cursor(&self) -> Option<&PageCursor> {
        self.0.page.as_ref()
    }

    /// Returns whether it is certain that no request reached the service.
    pub(crate) fn was_not_sent(&self) -> bool {
        self.0.not_sent
    }

    /// Returns whether the same call can succeed later without a change.
    ///
    /// Always `false` if the operation [may have been applied](Self::may_have_been_applied).
    pub fn is_transient(&self) -> bool {
        let kind_is_transient =
            matches!(self.kind(), ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::TimedOut);
        kind_is_transient && !self.may_have_been_applied()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(operation) = inner.operation {
            write!(f, "{}: ", operation.id)?;
        }
        f.write_str(&inner.message)?;
        if let Some(status) = inner.status {
            write!(f, " (status {}", status.as_u16())?;
            if inner.attempts > 1 {
                write!(f, ", {} attempts", inner.attempts)?;
            }
            f.write_str(")")?;
        } else if inner.attempts > 1 {
            write!(f, " ({} attempts)", inner.attempts)?;
        }
        for (index, problem) in inner.problems.iter().enumerate() {
            write!(f, "{} {problem}", if index == 0 { ":" } else { ";" })?;
        }
        if inner.may_have_been_applied {
            f.write_str("; the operation may have been applied; check before retrying")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &self.to_string())
            .field("operation", &inner.operation)
            .field("status", &self.status())
            .field("request_id", &inner.request_id)
            .field("attempts", &inner.attempts)
            .field("retry_after", &inner.retry_after)
            .field("problems", &inner.problems)
            .field("may_have_been_applied", &inner.may_have_been_applied)
            .field("source", &inner.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
