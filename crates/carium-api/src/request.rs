//! The request builder and the encoding of paths that generated methods use.
//!
//! It has the methods that `progenitor` calls on `reqwest`'s builder, but produces plain `http` types. So a transport
//! without a network, such as a fake, needs no HTTP client.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Value;

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

/// A query parameter: no pair for `None`, one for a value, and one for each item of a list.
#[derive(Debug)]
pub(crate) struct QueryParam<'a, T> {
    name: &'a str,
    value: &'a T,
}

#[allow(dead_code, reason = "the spec determines whether there are parameters")]
impl<'a, T> QueryParam<'a, T> {
    pub(crate) fn new(name: &'a str, value: &'a T) -> Self {
        Self { name, value }
    }
}

impl<T: Serialize> Serialize for QueryParam<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = match serde_json::to_value(self.value).map_err(S::Error::custom)? {
            Value::Array(items) => items,
            value => vec![value],
        };
        let mut pairs = Vec::new();
        for item in items {
            match item {
                Value::Null => {}
                Value::String(text) => pairs.push((self.name, text)),
                Value::Number(_) | Value::Bool(_) => pairs.push((self.name, item.to_string())),
                Value::Array(_) | Value::Object(_) => return Err(S::Error::custom("not a list of values")),
            }
        }
        pairs.serialize(serializer)
    }
}

/// The characters that a part of a path cannot have.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Percent-encodes a part of a path. Most parts are IDs, which are returned as they are.
pub(crate) fn encode_path(part: &str) -> Cow<'_, str> {
    if part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Cow::Borrowed(part);
    }
    utf8_percent_encode(part, NOT_IN_PATH).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_query_parameters() {
        let query = |value: &dyn Fn(RequestBuilder) -> RequestBuilder| {
            let builder = value(RequestBuilder::new(Method::GET, String::new()));
            builder.body.map(|_| builder.query)
        };
        let values = [Some("a b"), None];
        assert_eq!(query(&|builder| builder.query(&QueryParam::new("q", &None::<u8>))).unwrap(), "");
        assert_eq!(
            query(&|builder| builder.query(&QueryParam::new("page[limit]", &Some(5)))).unwrap(),
            "?page%5Blimit%5D=5"
        );
        assert_eq!(query(&|builder| builder.query(&QueryParam::new("q", &values))).unwrap(), "?q=a+b");
        let two = |builder: RequestBuilder| {
            builder.query(&QueryParam::new("q", &[1, 2])).query(&QueryParam::new("r", &true))
        };
        assert_eq!(query(&two).unwrap(), "?q=1&q=2&r=true");
        assert!(query(&|builder| builder.query(&QueryParam::new("q", &[[1]]))).is_err());
    }

    #[test]
    fn encodes_parts_of_paths() {
        for (part, expected) in
            [("a-1", "a-1"), ("a/b?c", "a%2Fb%3Fc"), ("%41", "%2541"), ("ä", "%C3%A4"), ("..", "..")]
        {
            assert_eq!(encode_path(part), expected);
        }
    }
}
