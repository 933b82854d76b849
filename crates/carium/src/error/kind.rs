//! What a failure comes down to.

use serde::{Deserialize, Serialize};

/// What a failure comes down to, and with that what to do about it.
///
/// Serialized by its name in `kebab-case`, for outcomes that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something given is wrong, and nothing was sent. [`Error::problems`](crate::Error::problems) names every field that is wrong.
    /// Mend it.
    InvalidInput,
    /// The credentials were refused, or the session cannot sign in again. Mend the credentials.
    Unauthenticated,
    /// The account may not do this (403). Ask who manages it.
    Forbidden,
    /// What was asked for is not there (404, 410).
    NotFound,
    /// It contradicts what is there (409), such as a username that is taken.
    Conflict,
    /// The service refused what was sent (other 4xx). [`Error::problems`](crate::Error::problems) says what of it, as far as it said.
    Rejected,
    /// Too many requests (429), and repeating did not help within the deadline. Wait for
    /// [`Error::retry_after`](crate::Error::retry_after), or some minutes.
    RateLimited,
    /// The service, or the way to it, does not work (connection failures, 5xx). Try again later.
    Unavailable,
    /// The deadline of the call passed. Try again later, or with a longer one.
    TimedOut,
    /// The service answered what its description does not know: a redirect, an unreadable body, one that is
    /// too large.
    Undecodable,
    /// A presigned form or URL is no longer valid. Ask for a new one; the pipelines do so by themselves.
    Expired,
    /// A file of this machine, or another source or target of a transfer, cannot be read or written.
    Io,
    /// There is a file at the target already, and it is kept. Choose another target, or allow it to be replaced.
    AlreadyExists,
    /// What arrived is not what was sent: another length, or another digest than was expected.
    Corrupt,
    /// It was cancelled.
    Canceled,
}
