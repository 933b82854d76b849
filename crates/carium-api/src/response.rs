//! An answer, as it came and as it was understood.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use http::{Extensions, HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::error::{Error, Undecodable};

/// An answer of the service, read whole. `Debug` shows its status and how long it is: headers and body may
/// hold anything.
#[derive(Clone)]
pub struct Response {
    status: StatusCode,
    // Boxed: errors hold one of these, and a `Result` is as large as its error.
    beside: Box<Beside>,
    body: Bytes,
}

/// What comes with an answer beside its status and its body.
#[derive(Clone, Default)]
struct Beside {
    headers: HeaderMap,
    extensions: Extensions,
}

impl Response {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.beside.headers
    }

    /// What the transport has to say of the call, such as how often it was tried.
    pub fn extensions(&self) -> &Extensions {
        &self.beside.extensions
    }

    /// The body, as it came. Counts as PHI.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl From<http::Response<Bytes>> for Response {
    fn from(response: http::Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let beside = Box::new(Beside { headers: parts.headers, extensions: parts.extensions });
        Self { status: parts.status, beside, body }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status.as_u16())
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A value that the service answered with, and what came with it. Dereferences to the value; to take fields out
/// of it, [`into_inner`](Self::into_inner).
///
/// `Debug` shows the status and the value, by the value's own `Debug`; headers may hold anything.
#[derive(Clone)]
pub struct ResponseValue<T> {
    value: T,
    status: StatusCode,
    beside: Box<Beside>,
}

impl<T> ResponseValue<T> {
    /// A value as if it had been answered, for tests.
    pub fn new(value: T, status: StatusCode, headers: HeaderMap) -> Self {
        Self { value, status, beside: Box::new(Beside { headers, ..Beside::default() }) }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.beside.headers
    }

    /// What the transport has to say of the call, such as how often it was tried.
    pub fn extensions(&self) -> &Extensions {
        &self.beside.extensions
    }
}

impl<T: DeserializeOwned> ResponseValue<T> {
    /// Reads the body. `async` because the generated methods await it; there is nothing to wait for.
    #[expect(clippy::unused_async, reason = "the generated methods await it")]
    pub(crate) async fn from_response<E>(response: Response) -> Result<Self, Error<E>> {
        match serde_json::from_slice(&response.body) {
            Ok(value) => Ok(Self { value, status: response.status, beside: response.beside }),
            // What a proxy says in HTML is still a 503.
            Err(_) if !response.status.is_success() => Err(Error::UnexpectedResponse(response)),
            Err(error) => Err(Error::Undecodable(Undecodable::new(response, &error))),
        }
    }
}

impl ResponseValue<()> {
    /// Passes over a body that the spec gives no meaning to.
    pub(crate) fn empty(response: Response) -> Self {
        Self { value: (), status: response.status, beside: response.beside }
    }
}

impl<T> Deref for ResponseValue<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for ResponseValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseValue")
            .field("status", &self.status.as_u16())
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}
