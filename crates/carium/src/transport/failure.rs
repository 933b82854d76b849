//! Why a request has no answer, and whether it may have been carried out.

use std::error::Error as StdError;
use std::fmt;

use carium_api::TransportError;

use super::call::CallReport;

/// Why a request has no answer.
///
/// Whoever writes a [`Transport`](carium_api::Transport) of their own wraps this in its
/// [`TransportError`], so that what was certainly not sent can be repeated. A transport that fails with
/// anything else is taken to have failed with the outcome unknown.
///
/// ```
/// use carium::TransportFailure;
/// use carium_api::TransportError;
///
/// let error: TransportError = TransportFailure::not_sent("no route to the service").into();
/// ```
pub struct TransportFailure {
    pub(crate) cause: Cause,
    pub(crate) report: CallReport,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug)]
pub(crate) enum Cause {
    /// The request was not written, not even in part.
    NotSent,
    /// The connection ended before the whole answer was there.
    Lost,
    /// There was no whole answer in time.
    TimedOut,
    /// The answer is larger than the limit.
    TooLarge,
    /// The call's deadline passed; whether a request was under way.
    Deadline { in_flight: bool },
    /// There is no token to send the request with.
    SignIn(crate::Error),
}

impl TransportFailure {
    /// The request was certainly not sent: any call may be repeated. What is said of it will be logged.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Cause::NotSent).with_source(source)
    }

    /// The request may have been carried out: a creation is not repeated. What is said of it will be logged.
    pub fn lost(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Cause::Lost).with_source(source)
    }

    pub(crate) fn new(cause: Cause) -> Self {
        Self { cause, report: CallReport::default(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The failure in an error of a transport; an error of another kind is a lost request.
    pub(crate) fn of(error: TransportError) -> Self {
        match error.into_inner().downcast::<Self>() {
            Ok(failure) => *failure,
            Err(other) => Self::new(Cause::Lost).with_source(other),
        }
    }

    /// Whether the request may have been carried out.
    pub(crate) fn may_have_been_applied(&self) -> bool {
        match &self.cause {
            Cause::Lost | Cause::TimedOut | Cause::TooLarge => true,
            Cause::Deadline { in_flight } => *in_flight,
            Cause::NotSent | Cause::SignIn(_) => false,
        }
    }

    /// The failure as `error.type` of a span.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.cause {
            Cause::NotSent => "not_sent",
            Cause::Lost => "lost",
            Cause::TimedOut => "timeout",
            Cause::TooLarge => "too_large",
            Cause::Deadline { .. } => "deadline",
            Cause::SignIn(_) => "sign_in",
        }
    }
}

impl From<TransportFailure> for TransportError {
    fn from(failure: TransportFailure) -> Self {
        Self::new(failure)
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.cause {
            Cause::NotSent => "the service cannot be reached; nothing was sent",
            Cause::Lost => "the connection ended before the whole answer was there",
            Cause::TimedOut => "there was no answer in time",
            Cause::TooLarge => "the answer is larger than the limit",
            Cause::Deadline { .. } => "the deadline of the call passed",
            Cause::SignIn(_) => "there is no access token",
        })
    }
}

impl fmt::Debug for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportFailure")
            .field("cause", &self.cause)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl StdError for TransportFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.cause {
            Cause::SignIn(error) => Some(error),
            _ => self.source.as_deref().map(|source| source as &(dyn StdError + 'static)),
        }
    }
}
