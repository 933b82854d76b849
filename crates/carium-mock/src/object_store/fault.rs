//! What goes wrong when it is told to.

use bytes::Bytes;

use super::object::Object;

/// What the store does instead of what it should.
///
/// A fault that makes no sense for a method (`Corrupt` for an upload, say) does nothing there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreFault {
    /// Says this, and does nothing.
    Status(StoreResponse),
    /// Closes the connection. An upload: once exactly so many bytes of the request's body were read, or all, if
    /// there are not as many; nothing is stored. A download: once so many bytes of the answer's body were
    /// written, of which `Content-Length` announces the whole.
    ResetAfter(u64),
    /// Reads and says nothing more from the same place on, and holds the connection open.
    StallAfter(u64),
    /// Does what was asked, an upload being stored if it is in order, and closes the connection without an
    /// answer.
    LostResponse,
    /// Does what was asked, an upload being stored if it is in order, and says this.
    ApplyThenStatus(StoreResponse),
    /// Does what was asked, an upload being stored if it is in order, says nothing, and holds the connection open.
    ApplyThenStall,
    /// A download: the connection is closed in the middle of its body, of which `Content-Length` announces the whole.
    Truncated,
    /// A download: answers with 200 and the whole, whatever `Range` asks for.
    IgnoreRange,
    /// A download: one bit in the middle of what is sent is another than it was. Headers tell nothing of it.
    Corrupt,
    /// A download: this is what is under the key from now on, with the ETag that goes with it.
    Changed(Object),
}

impl StoreFault {
    /// An answer of this status in S3's form, as `503 SlowDown` is; given once everything was read.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let error = super::refusal::document(code, message, &[]);
        Self::Status(
            StoreResponse::new(status).with_header("content-type", "application/xml").with_body(error),
        )
    }
}

/// What is answered instead, with [`StoreFault::Status`].
#[derive(Clone)]
pub struct StoreResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) at_once: bool,
}

impl StoreResponse {
    /// An answer with nothing but a status. A number that cannot be one is sent as 500.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), at_once: false }
    }

    /// One header more. What cannot be a header is left out.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// This body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// An upload is answered before any of its body was read, instead of after all of it.
    #[must_use]
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }
}

impl std::fmt::Debug for StoreResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreResponse")
            .field("status", &self.status)
            .field("at_once", &self.at_once)
            .finish_non_exhaustive()
    }
}
