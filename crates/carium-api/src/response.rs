//! Responses: raw ([`Response`]) and decoded ([`ResponseValue`]).

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use http::{Extensions, HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::error::{Error, Undecodable};
use crate::lenient_json;
use crate::types::ErrorDocument;

/// A complete response of the service. `Debug` shows only the status and the body's length, because headers and body
/// may contain health information.
#[derive(Clone)]
pub struct Response {
    status: StatusCode,
    // Boxed, because errors contain a response and a `Result` is as large as its error.
    metadata: Box<Metadata>,
    body: Bytes,
}

/// Headers and extensions of a response.
#[derive(Clone, Default)]
struct Metadata {
    headers: HeaderMap,
    extensions: Extensions,
}

impl Response {
    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.metadata.headers
    }

    /// Returns data that the transport attached to the call, such as the number of attempts.
    pub fn extensions(&self) -> &Extensions {
        &self.metadata.extensions
    }

    /// Returns the body. Treat it as PHI.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Decodes the body as JSON. A value in it that is not valid, such as `NaN` or half of a surrogate pair, is read as an
    /// object `{"unreadable": text}`, which any [`Attribute`](crate::Attribute) accepts.
    ///
    /// # Errors
    /// [`Error::Undecodable`] if the body is not JSON of this type.
    pub fn json<T: DeserializeOwned>(self) -> Result<ResponseValue<T>, Error<ErrorDocument>> {
        match lenient_json::from_slice(&self.body) {
            Ok(value) => Ok(self.with_value(value)),
            Err(error) => Err(Error::Undecodable(Undecodable::new(self, &error))),
        }
    }

    /// Replaces the body with its decoded value.
    pub(crate) fn with_value<T>(self, value: T) -> ResponseValue<T> {
        ResponseValue { value, status: self.status, metadata: self.metadata }
    }
}

impl From<http::Response<Bytes>> for Response {
    fn from(response: http::Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let metadata = Box::new(Metadata { headers: parts.headers, extensions: parts.extensions });
        Self { status: parts.status, metadata, body }
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

/// A decoded response body together with status and headers.
///
/// It dereferences to the value; [`into_inner`](Self::into_inner) returns it. `Debug` shows the status and the value,
/// but no headers.
#[derive(Clone)]
pub struct ResponseValue<T> {
    value: T,
    status: StatusCode,
    metadata: Box<Metadata>,
}

impl<T> ResponseValue<T> {
    /// Creates a response from a value, for tests.
    pub fn new(value: T, status: StatusCode, headers: HeaderMap) -> Self {
        Self { value, status, metadata: Box::new(Metadata { headers, ..Metadata::default() }) }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.metadata.headers
    }

    /// Returns data that the transport attached to the call, such as the number of attempts.
    pub fn extensions(&self) -> &Extensions {
        &self.metadata.extensions
    }
}

impl ResponseValue<()> {
    /// Discards the body, for responses whose body the spec does not define.
    pub(crate) fn empty(response: Response) -> Self {
        response.with_value(())
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
