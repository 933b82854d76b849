//! The faults of the object store.

use bytes::Bytes;

use super::object::Object;

/// A fault of the object store.
///
/// A fault that does not apply to a method, such as `Corrupt` for an upload, has no effect there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreFault {
    /// Sends this response and does nothing else.
    Respond(StoreResponse),
    /// Closes the connection after exactly this number of body bytes.
    ///
    /// For an upload, these are bytes of the request body, or all of them if the body is shorter, and nothing is
    /// stored. For a download, these are bytes of the response body, whose `Content-Length` is that of the complete
    /// body.
    ResetAfter(u64),
    /// Stops reading and writing after the same number of bytes as [`ResetAfter`](Self::ResetAfter), and keeps the
    /// connection open.
    HangAfter(u64),
    /// Handles the call, storing a valid upload, and closes the connection without a response.
    LoseResponse,
    /// Handles the call, storing a valid upload, and sends this response.
    ApplyThenRespond(StoreResponse),
    /// Handles the call, storing a valid upload, sends no response, and keeps the connection open.
    ApplyThenHang,
    /// Closes the connection in the middle of the response body of a download, whose `Content-Length` is that of the
    /// complete body.
    Truncate,
    /// Responds to a download with 200 and the complete object, even if the request has a `Range` header.
    IgnoreRange,
    /// Flips one bit in the middle of the response body of a download. Its headers do not change.
    Corrupt,
    /// Replaces the object before a download, including its ETag.
    ReplaceObject(Object),
}

impl StoreFault {
    /// Creates a [`Respond`](Self::Respond) fault with an S3 error document, such as `503 SlowDown`. The response is
    /// sent after the whole request has been read.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let document = super::error::document(code, message, &[]);
        Self::Respond(
            StoreResponse::new(status).with_header("content-type", "application/xml").with_body(document),
        )
    }
}

/// A response that replaces the real one. `Debug` does not show its headers and body.
#[derive(Clone)]
pub struct StoreResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) before_body: bool,
}

impl StoreResponse {
    /// Creates a response without headers and a body. An invalid status is sent as 500.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), before_body: false }
    }

    /// Adds a header. An invalid header name or value is ignored.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the response to an upload before reading its body. By default, the whole body is read first.
    #[must_use]
    pub fn before_body(mut self) -> Self {
        self.before_body = true;
        self
    }
}

impl std::fmt::Debug for StoreResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreResponse")
            .field("status", &self.status)
            .field("before_body", &self.before_body)
            .finish_non_exhaustive()
    }
}
