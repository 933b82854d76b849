//! The request builder and the encoding of paths that generated methods use.
//!
//! It has the methods that `progenitor` calls on `reqwest`'s builder, but produces plain `http` types. So a transport
//! without a network, such as a fake, needs no HTTP client.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use serde::Serialize;

use crate::error::RequestBuildError;

/// Builder for a request. The first error is kept until [`build`](Self::build).
#[derive(Debug)]
pub(crate) struct RequestBuilder {
    method: Method,
    url: String,
    query: String,
    headers: HeaderMap,
    body: Result<Option<Bytes>, RequestBuildError>,
}

#[allow(dead_code, reason = "the spec determines which of them are called")]
impl RequestBuilder {
    pub(crate) fn new(method: Method, url: String) -> Self {
        Self { method, url, query: String::new(), headers: HeaderMap::new(), body: Ok(None) }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    pub(crate) fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    pub(crate) fn query(mut self, parameter: &impl Serialize) -> Self {
        match serde_urlencoded::to_string(parameter) {
            Ok(pair) if pair.is_empty() => {}
            Ok(pair) => {
                self.query.push(if self.query.is_empty() { '?' } else { '&' });
                self.query.push_str(&pair);
            }
            Err(_) => self.body = Err(RequestBuildError::Query),
        }
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        if self.body.is_ok() {
            self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            self.body =
                serde_json::to_vec(body).map(|body| Some(body.into())).map_err(|_| RequestBuildError::Body);
        }
        self
    }

    /// Sets a body that is already serialized.
    pub(crate) fn bytes(mut self, body: Bytes) -> Self {
        if self.body.is_ok() {
            self.body = Ok(Some(body));
        }
        self
    }

    pub(crate) fn build(mut self) -> Result<Request<Bytes>, RequestBuildError> {
        let body = self.body?;
        // Some proxies respond with 411 to a POST without a `Content-Length`. The programs of the vendor's Examples page
        // send it with DELETE, too.
        if body.is_none() && !matches!(self.method, Method::GET | Method::HEAD) {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.url + &self.query)
            .body(body.unwrap_or_default())
            .map_err(|_| RequestBuildError::Url)?;
        *request.headers_mut() = self.headers;
        Ok(request)
    }
}

/// Percent-encodes a part of a path. Most parts are IDs, which are returned as they are.
pub(crate) fn encode_path(part: &str) -> Cow<'_, str> {
    if part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Cow::Borrowed(part);
    }
    progenitor_client::encode_path(part).into()
}
