//! The one error of this crate.

mod kind;
mod making;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use carium_api::Operation;
use http::StatusCode;

pub use kind::ErrorKind;

use crate::problem::Problem;

/// Why something was not done, or may have been.
///
/// One opaque type with questions to ask of it, rather than an enum to match on: what a program does next
/// depends on [`kind`](Self::kind), [`may_have_been_applied`](Self::may_have_been_applied) and
/// [`retry_after`](Self::retry_after), and on little else.
///
/// Neither `Display` nor `Debug` shows what was sent or answered: no value, no URL, no header, no body.
///
/// ```
/// use carium::{Error, ErrorKind};
///
/// fn what_next(error: &Error) -> &'static str {
///     match error.kind() {
///         _ if error.may_have_been_applied() => "look before doing it again: it may be there",
///         ErrorKind::InvalidInput | ErrorKind::Rejected => "mend what `problems` names",
///         ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::TimedOut => "try again later",
///         _ => "ask a person",
///     }
/// }
/// ```
pub struct Error(Box<Inner>);

pub(crate) struct Inner {
    pub(crate) kind: ErrorKind,
    pub(crate) what: Cow<'static, str>,
    pub(crate) operation: Option<&'static Operation>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) request_id: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) may_have_been_applied: bool,
    /// Whether certainly nothing reached the service.
    pub(crate) not_sent: bool,
    pub(crate) page: Option<crate::page::PageCursor>,
    /// Shared by those who waited for the same thing.
    pub(crate) source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// What it comes down to.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The id of the operation that failed, such as `create_patient`. `None` where nothing was called.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation.map(|operation| operation.id)
    }

    /// The HTTP status of the last answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// The service's own id of the last request, to quote to the vendor, where it gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How many requests were sent, or tried to be, for this call. 0 where nothing was called.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long the service asked to wait before the next try, where it did.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What is wrong with what was given, or what the service said was. As many as are known.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// Whether the service may have done what was asked although there is no answer that says so.
    ///
    /// A creation whose answer was lost is not repeated, because that could create twice. Where this is true,
    /// look whether it is there, or let a person look, before doing it again.
    pub fn may_have_been_applied(&self) -> bool {
        self.0.may_have_been_applied
    }

    /// The page of a list that could not be read, from which the list can be resumed.
    pub fn page_cursor(&self) -> Option<&crate::page::PageCursor> {
        self.0.page.as_ref()
    }

    /// Whether certainly nothing reached the service.
    pub(crate) fn was_not_sent(&self) -> bool {
        self.0.not_sent
    }

    /// Whether the same call, unchanged, may well succeed later. Not, where it may have happened.
    pub fn is_transient(&self) -> bool {
        let passes =
            matches!(self.kind(), ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::TimedOut);
        passes && !self.may_have_been_applied()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(operation) = inner.operation {
            write!(f, "{}: ", operation.id)?;
        }
        f.write_str(&inner.what)?;
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
            f.write_str("; it may have happened all the same: look before doing it again")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("what", &self.to_string())
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
