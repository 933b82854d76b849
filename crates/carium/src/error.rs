//! The error type of this crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use carium_api::{Operation, RetryClass};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::page_cursor::PageCursor;
use crate::problem::Problem;

/// The error of this crate.
///
/// `Error` is opaque. Use its methods to decide what to do next, in this order:
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
/// response, no URLs, no headers and no bodies. `{:?}` is the same sentence as `{}`; `{:#?}` shows the fields.
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

#[derive(Clone)]
pub(crate) struct ErrorInner {
    pub(crate) kind: ErrorKind,
    pub(crate) message: Cow<'static, str>,
    pub(crate) operation: Option<Operation>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) request_id: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) problems: Vec<Problem>,
    /// The service's error code in kebab case.
    pub(crate) code: Option<String>,
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

    /// Returns the ID of the operation that failed, such as `create_patient`. It is
    /// [`Operation::RUN_TIME_ID`](carium_api::Operation::RUN_TIME_ID) for a request to a path that the spec does not
    /// contain; `Display` shows its method and path template.
    ///
    /// Returns `None` if the error does not come from a call. If a call failed because the client could not
    /// sign in, the operation is `login`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation.as_ref().map(|operation| operation.id)
    }

    /// Returns the HTTP status of the last response, or `None` if there was no response.
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// Returns the ID that the service gave the last request, if the response contained one. Quote it in support
    /// requests to the vendor.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the number of attempts, including the first. It is 0 if no request was attempted.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns the delay that the service requested before the next attempt, from the `Retry-After` header. It is not
    /// limited: a wrong header can ask for years.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the fields that are invalid, as found by this crate or as reported by the service. The list may
    /// be empty or incomplete.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// Returns the service's error code in `kebab-case`: `duplicate-channel` for `DuplicateChannel` or
    /// `duplicate_channel`. If the response has several errors, it is the code of the first one that has a code.
    ///
    /// The vendor documents no list of codes; its SDK shows them in CamelCase. Do not log the code: its content is
    /// not known.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns the ID of the resource that exists already, if the service refused to create a duplicate and named it
    /// (`errors[0].meta.id`, from the vendor's SDK).
    ///
    /// ```
    /// # fn existing(error: &carium::Error) -> Option<carium::patients::IndividualId> {
    /// error.existing_id()?.parse().ok()
    /// # }
    /// ```
    pub fn existing_id(&self) -> Option<&str> {
        let first = self.problems().iter().find_map(Problem::existing_id);
        first.filter(|_| matches!(self.kind(), ErrorKind::Conflict | ErrorKind::Rejected))
    }

    /// Returns whether the operation failed because what it would create exists already: a username that is taken,
    /// or the destination file of a download.
    ///
    /// The vendor does not document which status a taken username has. The result follows from the status 409 of a
    /// creation, from the service's error code (such as `DuplicateChannel`), from its explanation, or from
    /// [`existing_id`](Self::existing_id).
    pub fn is_already_exists(&self) -> bool {
        let is_creation = self.operation().is_some_and(|id| id.starts_with("create"));
        let reports_duplicate = |problem: &Problem| {
            let words = problem.words();
            words.contain_any(&["duplicate", "duplicated", "exists", "taken", "unique"])
                || words.contain_any(&["already"])
                    && words.contain_any(&["exist", "use", "used", "registered"])
        };
        match self.kind() {
            ErrorKind::AlreadyExists => true,
            ErrorKind::Conflict | ErrorKind::Rejected if self.status().is_some() => {
                let is_unexplained = self.code().is_none() && self.kind() == ErrorKind::Conflict;
                self.existing_id().is_some()
                    || is_creation && (is_unexplained || self.problems().iter().any(reports_duplicate))
            }
            _ => false,
        }
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
            code: None,
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

    /// Sets the operation that failed, such as an entry of [`carium_api::operations`].
    #[must_use]
    pub fn with_operation(self, operation: &Operation) -> Self {
        self.with(|inner| inner.operation = Some(operation.clone()))
    }

    /// Sets the HTTP status of the response. A number that is not a valid status is ignored.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.with(|inner| inner.status = StatusCode::from_u16(status).ok())
    }

    /// Adds an invalid field.
    ///
    /// `field` is the name of the field in the API, such as `username`. `message` says what is wrong with it.
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
        Self(self.0.clone())
    }
}

/// The number of problems that `Display` shows. A refusal of a service can have thousands.
const MAX_SHOWN_PROBLEMS: usize = 20;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(operation) = &inner.operation {
            write!(f, "{operation}: ")?;
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
        // A problem without a field adds nothing to the message.
        let problems = || inner.problems.iter().filter(|problem| problem.field().is_some());
        for (index, problem) in problems().take(MAX_SHOWN_PROBLEMS).enumerate() {
            write!(f, "{} {problem}", if index == 0 { ":" } else { ";" })?;
        }
        if let Some(more @ 1..) = problems().count().checked_sub(MAX_SHOWN_PROBLEMS) {
            write!(f, "; and {more} more problems")?;
        }
        if inner.may_have_been_applied {
            let is_idempotent =
                inner.operation.as_ref().is_some_and(|operation| operation.retry == RetryClass::Idempotent);
            let advice = if is_idempotent { "it can be repeated" } else { "check before retrying" };
            write!(f, "; the operation may have been applied; {advice}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // So that a program whose `main` returns this error prints the sentence.
        if !f.alternate() {
            return fmt::Display::fmt(self, f);
        }
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

/// The category of an [`Error`].
///
/// Check [`Error::may_have_been_applied`](Error::may_have_been_applied) before you act on the kind: with most
/// kinds, the outcome of the call can be unknown.
///
/// `ErrorKind` is serialized as its name in `kebab-case`, such as `invalid-input`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input or the configuration is invalid. The call failed before any request for it was sent. The configuration
    /// includes a certificate that is not trusted, a failed TLS handshake, and a proxy that requires credentials.
    ///
    /// *Troubleshooting:* [`Error::problems`](Error::problems) lists the invalid fields. Correct them.
    InvalidInput,
    /// The service rejected the credentials or the access token, or the session cannot sign in again because
    /// its single-use one-time code has been used.
    ///
    /// *Troubleshooting:* Check the username, the password and the source of the one-time codes.
    Unauthenticated,
    /// The account does not have permission for this operation (status 403).
    ///
    /// *Troubleshooting:* Ask the administrator of the account for the permission. Check the organization ID.
    Forbidden,
    /// The requested resource does not exist (status 404 or 410).
    ///
    /// *Troubleshooting:* Check the IDs, and that they belong to the organization of the account.
    NotFound,
    /// The request conflicts with existing data (status 409), such as a username that is taken, or with local
    /// state, such as a ledger file that is already open.
    ///
    /// *Troubleshooting:* Check whether the resource already exists. If it does not, change the conflicting
    /// value.
    Conflict,
    /// The service rejected the request (any other 4xx status).
    ///
    /// *Troubleshooting:* [`Error::problems`](Error::problems) lists the rejected fields, as far as the
    /// service named them. [`Problem::detail`](crate::Problem::detail) is the service's explanation.
    Rejected,
    /// The service received too many requests (status 429), and the retries did not succeed.
    ///
    /// *Troubleshooting:* Wait for [`Error::retry_after`](Error::retry_after), or for some minutes if it
    /// is `None`. Lower [`max_concurrency`](crate::CariumBuilder::max_concurrency) if this happens often.
    RateLimited,
    /// The service could not be reached, the connection was lost, or the service failed (5xx status).
    ///
    /// *Troubleshooting:* Retry later. Check the network, the proxy and the base URL if no call succeeds.
    Unavailable,
    /// The call did not complete in time, or the service reported a timeout (status 408).
    ///
    /// *Troubleshooting:* Retry later, or raise [`call_timeout`](crate::CariumBuilder::call_timeout) or
    /// [`attempt_timeout`](crate::CariumBuilder::attempt_timeout).
    TimedOut,
    /// The response is not one that the API describes: a redirect, an unexpected status, an unreadable body, or
    /// a body that is too large.
    ///
    /// *Troubleshooting:* Check the base URL, and whether a proxy responds in place of the service. Otherwise
    /// report the [`Error::request_id`](Error::request_id) to the vendor.
    Undecodable,
    /// A presigned form or URL has expired.
    ///
    /// *Troubleshooting:* Request a new one. [`Uploads`](crate::Uploads) and [`Downloads`](crate::Downloads) do
    /// so automatically.
    Expired,
    /// A local file, or another source or destination of a transfer, could not be read or written.
    ///
    /// *Troubleshooting:* Check the path, the permissions and the free disk space.
    Io,
    /// The destination of a download already exists. It was not changed.
    ///
    /// *Troubleshooting:* Choose another path, or allow the download to replace the file.
    AlreadyExists,
    /// The received content has a different length or a different digest than expected, or a local file is
    /// damaged or has changed.
    ///
    /// *Troubleshooting:* Download the file again. If the error persists, the stored file is damaged.
    Corrupt,
    /// The operation was canceled.
    ///
    /// *Troubleshooting:* None is needed if the cancellation was intended.
    Canceled,
}
