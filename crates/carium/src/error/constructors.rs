//! Constructors and setters of [`Error`].

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use carium_api::Operation;
use http::StatusCode;

use super::{Error, ErrorInner, ErrorKind};
use crate::problem::Problem;

/// Constructors for implementations of this crate's traits, such as fakes and wrappers.
impl Error {
    /// Creates an error of this kind.
    ///
    /// The message can be logged, so it must not contain values of a request or a response.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(ErrorInner {
            kind,
            message: message.into(),
            operation: None,
            status: None,
            request_id: None,
            attempts: 0,
            retry_after: None,
            problems: Vec::new(),
            may_have_been_applied: false,
            not_sent: false,
            page: None,
            source: None,
        }))
    }

    /// Creates an [`Io`](ErrorKind::Io) error from an error of the standard library, for example of a file.
    ///
    /// Only the code of the operating system is kept as the source, or the kind of the error if it has no code.
    /// The text is dropped: some libraries put the path of the file into it, and a path can contain a name.
    pub fn from_io(message: impl Into<Cow<'static, str>>, error: &io::Error) -> Self {
        let without_text =
            error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        Self::new(ErrorKind::Io, message).with_source(without_text)
    }

    /// Sets the operation that failed, an entry of [`carium_api::operations`].
    #[must_use]
    pub fn with_operation(self, operation: &'static Operation) -> Self {
        self.with(|inner| inner.operation = Some(operation))
    }

    /// Sets the HTTP status of the response. A number that is not a valid status is ignored.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.with(|inner| inner.status = StatusCode::from_u16(status).ok())
    }

    /// Adds an invalid field.
    ///
    /// `field` is the name of the field in the API, such as `username`. `message` states what is wrong with it.
    /// Both can be logged.
    #[must_use]
    pub fn with_problem(self, field: &'static str, message: &'static str) -> Self {
        self.with(|inner| inner.problems.push(Problem::new(field, message)))
    }

    /// Sets the delay that the service requested before the next attempt.
    #[must_use]
    pub fn with_retry_after(self, delay: Duration) -> Self {
        self.with(|inner| inner.retry_after = Some(delay))
    }

    /// Sets the source of the error. Its `Display` and `Debug` output can be logged.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.with(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// Marks the operation as one that [may have been applied](Self::may_have_been_applied).
    #[must_use]
    pub fn with_unknown_outcome(self) -> Self {
        self.with(|inner| inner.may_have_been_applied = true)
    }

    /// Creates an [`InvalidInput`](ErrorKind::InvalidInput) error with these problems.
    pub(crate) fn invalid(message: &'static str, problems: Vec<Problem>) -> Self {
        Self::new(ErrorKind::InvalidInput, message).with(|inner| inner.problems = problems)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut ErrorInner)) -> Self {
        change(&mut self.0);
        self
    }

    /// Returns a copy of the error, for another caller that waited for the same result.
    pub(crate) fn duplicate(&self) -> Self {
        let inner = &self.0;
        Self(Box::new(ErrorInner {
            kind: inner.kind,
            message: inner.message.clone(),
            operation: inner.operation,
            status: inner.status,
            request_id: inner.request_id.clone(),
            attempts: inner.attempts,
            retry_after: inner.retry_after,
            problems: inner.problems.clone(),
            may_have_been_applied: inner.may_have_been_applied,
            not_sent: inner.not_sent,
            page: inner.page.clone(),
            source: inner.source.clone(),
        }))
    }
}
