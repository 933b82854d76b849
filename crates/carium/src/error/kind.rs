//! The categories of [`Error`](crate::Error).

use serde::{Deserialize, Serialize};

/// The category of an [`Error`](crate::Error).
///
/// Check [`Error::may_have_been_applied`](crate::Error::may_have_been_applied) before you act on the kind: an
/// error of most kinds can leave the outcome of a call unknown.
///
/// `ErrorKind` is serialized as its name in `kebab-case`, such as `invalid-input`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is invalid. The call failed before any request for it was sent.
    ///
    /// *Troubleshooting:* [`Error::problems`](crate::Error::problems) lists the invalid fields. Correct them.
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
    /// The request conflicts with existing data (status 409), such as a username that is taken.
    ///
    /// *Troubleshooting:* Check whether the resource already exists. If it does not, change the conflicting
    /// value.
    Conflict,
    /// The service rejected the request (any other 4xx status).
    ///
    /// *Troubleshooting:* [`Error::problems`](crate::Error::problems) lists the rejected fields, as far as the
    /// service named them. [`Problem::detail`](crate::Problem::detail) is the service's explanation.
    Rejected,
    /// The service received too many requests (status 429), and the retries did not succeed.
    ///
    /// *Troubleshooting:* Wait for [`Error::retry_after`](crate::Error::retry_after), or for some minutes if it
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
    /// report the [`Error::request_id`](crate::Error::request_id) to the vendor.
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
    /// The received content has a different length or a different digest than expected.
    ///
    /// *Troubleshooting:* Download the file again. If the error persists, the stored file is damaged.
    Corrupt,
    /// The operation was canceled.
    ///
    /// *Troubleshooting:* None is needed if the cancellation was intended.
    Canceled,
}
