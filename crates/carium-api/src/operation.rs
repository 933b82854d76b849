//! [`Operation`]: the static description of an operation.

use std::fmt;

use http::Method;

/// The static description of an operation. [`operations::ALL`](crate::operations::ALL) lists all of them.
///
/// It is passed along with every request, so that a transport does not need to inspect the request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// The operation's ID in the spec, such as `create_patient`. Safe to log.
    pub id: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path template, such as `/caredb/v1/org-appointments/{id}/`. Safe to log, unlike an actual path.
    pub path: &'static str,
    /// The service behind the path: `identity`, `showboat` or `caredb`.
    pub tag: &'static str,
    /// When a failed call may be retried.
    pub retry: RetryClass,
    /// Whether the call needs an access token. Only sign-in does not.
    pub needs_token: bool,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({})", self.id)
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
