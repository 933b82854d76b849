//! How an error is made.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use carium_api::Operation;
use http::StatusCode;

use super::{Error, ErrorKind, Inner};
use crate::problem::Problem;

/// For those who implement the traits of this crate: a fake, or another service behind the same words.
impl Error {
    /// An error that comes down to this. What is said of it will be logged: no value, no URL, no body.
    pub fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            what: what.into(),
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

    /// The operation that failed: a row of [`carium_api::operations`].
    #[must_use]
    pub fn with_operation(self, operation: &'static Operation) -> Self {
        self.with(|inner| inner.operation = Some(operation))
    }

    /// The HTTP status that was answered. One that HTTP does not have is left out.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.with(|inner| inner.status = StatusCode::from_u16(status).ok())
    }

    /// What is wrong with a field, beside what was said before: the name of the field as the vendor's page writes
    /// it, such as `username`, and what to write instead. Both will be logged.
    #[must_use]
    pub fn with_problem(self, field: &'static str, what: &'static str) -> Self {
        self.with(|inner| inner.problems.push(Problem::new(field, what)))
    }

    /// How long to wait before the next try.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        self.with(|inner| inner.retry_after = Some(wait))
    }

    /// What caused it. Its `Display` and `Debug` will be logged.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.with(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// It may have happened all the same.
    #[must_use]
    pub fn with_unknown_outcome(self) -> Self {
        self.with(|inner| inner.may_have_been_applied = true)
    }

    /// Something given is wrong, in these ways.
    pub(crate) fn invalid(what: &'static str, problems: Vec<Problem>) -> Self {
        Self::new(ErrorKind::InvalidInput, what).with(|inner| inner.problems = problems)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(&mut self.0);
        self
    }

    /// The same error for one more of those who waited for the same thing.
    pub(crate) fn again(&self) -> Self {
        let inner = &self.0;
        Self(Box::new(Inner {
            kind: inner.kind,
            what: inner.what.clone(),
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
