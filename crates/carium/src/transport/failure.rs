//! The error type of transports.

use std::error::Error as StdError;
use std::fmt;

use carium_api::TransportError;

use crate::connect_failure::ConnectFailure;
use crate::error::Error;

/// The reason why a request has no response, and whether the request may have been applied.
///
/// A custom [`Transport`](carium_api::Transport) should wrap a `TransportFailure` in the [`TransportError`]
/// that it returns. The client can then retry requests that were not sent. If a transport returns another
/// error, the client assumes that the request may have been applied.
///
/// # Examples
///
/// ```
/// use carium::TransportFailure;
/// use carium_api::TransportError;
///
/// let error: TransportError = TransportFailure::not_sent("no route to the service").into();
/// ```
pub struct TransportFailure {
    pub(crate) cause: FailureCause,
    pub(crate) report: CallReport,
    /// Why there was no connection, if the request was not sent.
    pub(crate) connect: Option<ConnectFailure>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug)]
pub(crate) enum FailureCause {
    /// The request was not sent, not even in part.
    NotSent,
    /// The URL of the request has another origin than the base URL. The request was not sent.
    OtherOrigin,
    /// The connection was closed before the response was complete.
    ConnectionLost,
    /// The response was not complete within the attempt timeout.
    AttemptTimeout,
    /// The response is larger than the limit.
    ResponseTooLarge,
    /// The call did not complete within the call timeout.
    CallTimeout,
    /// Signing in failed, so there is no token to send the request with.
    SignIn(Error),
}

/// A summary of a finished call, in the extensions of its response or in its failure.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallReport {
    pub(crate) attempts: u32,
    /// Whether an attempt that was interrupted or retried may have been applied. The final response or failure
    /// can also mean that.
    pub(crate) outcome_unknown: bool,
}

impl TransportFailure {
    /// Creates a failure of a request that was certainly not sent. The client can retry any operation after it.
    ///
    /// The source can be logged, so it must not contain URLs, headers or bodies.
    pub fn not_sent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(FailureCause::NotSent).with_source(source)
    }

    /// Creates a failure of a request that may have been applied. The client does not retry operations that
    /// create something after it.
    ///
    /// The source can be logged, so it must not contain URLs, headers or bodies.
    pub fn lost(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(FailureCause::ConnectionLost).with_source(source)
    }

    pub(crate) fn new(cause: FailureCause) -> Self {
        Self { cause, report: CallReport::default(), connect: None, source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the failure that an error wraps. An error that wraps anything else counts as a lost connection.
    pub(crate) fn from_error(error: TransportError) -> Self {
        match error.into_inner().downcast() {
            Ok(failure) => *failure,
            Err(other) => Self::lost(other),
        }
    }

    /// Returns whether the call may have been applied.
    pub(crate) fn may_have_been_applied(&self) -> bool {
        use FailureCause as Cause;
        let cause_is_ambiguous =
            matches!(self.cause, Cause::ConnectionLost | Cause::AttemptTimeout | Cause::ResponseTooLarge);
        cause_is_ambiguous || self.report.outcome_unknown
    }

    /// Returns the value of the tracing field `error.type`.
    pub(crate) fn error_type(&self) -> &'static str {
        match &self.cause {
            FailureCause::NotSent => self.connect.map_or("not_sent", ConnectFailure::error_type),
            FailureCause::OtherOrigin => "other_origin",
            FailureCause::ConnectionLost => "lost",
            FailureCause::AttemptTimeout => "timeout",
            FailureCause::ResponseTooLarge => "too_large",
            FailureCause::CallTimeout => "deadline",
            FailureCause::SignIn(_) => "sign_in",
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
            FailureCause::NotSent => "could not reach the service; nothing was sent",
            FailureCause::OtherOrigin => {
                "the request's URL has another origin than the base URL; nothing was sent"
            }
            FailureCause::ConnectionLost => "the connection was closed before the response was complete",
            FailureCause::AttemptTimeout => "the service did not respond in time",
            FailureCause::ResponseTooLarge => "the response is larger than the limit",
            FailureCause::CallTimeout => "the call did not complete within its timeout",
            FailureCause::SignIn(_) => "could not obtain an access token",
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
            FailureCause::SignIn(error) => Some(error),
            _ => self.source.as_deref().map(|source| source as &(dyn StdError + 'static)),
        }
    }
}
