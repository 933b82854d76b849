//! What is known of an operation before it is called.

use std::fmt;

use http::Method;

/// A row of the table of operations, [`operations::ALL`](crate::operations::ALL). Travels with every
/// request, so that a transport knows what it carries without reading it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// The operation's id in the spec, such as `create_patient`. Safe to log.
    pub id: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path template, such as `/caredb/v1/org-appointments/{id}/`. Safe to log, as no path is.
    pub path: &'static str,
    /// The service behind the path: `identity`, `showboat` or `caredb`.
    pub tag: &'static str,
    /// When the call may be repeated.
    pub retry: RetryClass,
    /// Whether the call is made with an access token. Signing in is not.
    pub needs_token: bool,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({})", self.id)
    }
}

/// When a call may be repeated: `x-retry` of the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryClass {
    /// It changes nothing: repeat it after any failure that may pass.
    Safe,
    /// Done twice it leaves what it leaves done once: the same. A 404 on a repeated deletion is success.
    Idempotent,
    /// Done twice it may leave two: repeat it only when it was certainly not done.
    Create,
}
