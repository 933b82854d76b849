//! [`Operation`]: the description of an operation.

use std::borrow::Cow;
use std::fmt;

use http::Method;

/// The description of an operation: one of the spec, listed in [`operations::ALL`](crate::operations::ALL), or one that
/// was described [at run time](Self::at_run_time).
///
/// It is passed along with every request, so that a transport does not need to inspect the request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// The operation's ID in the spec, such as `create_patient`, or [`RUN_TIME_ID`](Self::RUN_TIME_ID). Safe to log.
    pub id: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path template, such as `/caredb/v1/org-appointments/{id}/`. Safe to log, unlike an actual path.
    pub path: Cow<'static, str>,
    /// The service behind the path: `identity`, `showboat` or `caredb`. Empty if it was described at run time.
    pub tag: &'static str,
    /// When a failed call may be retried.
    pub retry: RetryClass,
    /// Whether the call needs an access token. Only sign-in does not.
    pub needs_token: bool,
}

impl Operation {
    /// The ID of operations that are described at run time.
    pub const RUN_TIME_ID: &'static str = "request";

    /// Describes an operation that the spec does not contain. It needs an access token.
    ///
    /// `path` is a template such as `/caredb/v1/org-care-teams/{id}/`. It is logged, so it must not contain an ID or any
    /// other value of a patient.
    pub fn at_run_time(method: Method, path: impl Into<Cow<'static, str>>, retry: RetryClass) -> Self {
        Self { id: Self::RUN_TIME_ID, method, path: path.into(), tag: "", retry, needs_token: true }
    }
}

impl fmt::Display for Operation {
    /// Writes the ID, or the method and the path of an operation that was described at run time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.id == Self::RUN_TIME_ID {
            return write!(f, "{} {}", self.method, self.path);
        }
        f.write_str(self.id)
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({self})")
    }
}

/// When a failed call may be retried: `x-retry` in the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// The operation changes nothing. It can be retried after any transient failure.
    Safe,
    /// Applying the operation twice has the same effect as once, so it can be retried after any transient failure. A
    /// 404 on a retried deletion means that an earlier attempt succeeded.
    Idempotent,
    /// Applying the operation twice may create two resources. It can be retried only if the previous attempt was
    /// certainly not applied.
    Create,
}
