//! [`RawRequest`]: calls of operations that are chosen at run time.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::Error;
use crate::request::{RequestBuilder, encode_path};
use crate::types::ErrorDocument;
use crate::{Client, Operation, Response};

/// A request without types, for programs that choose the operation at run time, such as a command line.
///
/// Other programs should use the typed methods of [`Client`]. The request is not checked against the spec. `Debug`
/// shows only the names of parameters.
#[derive(Clone, Default)]
pub struct RawRequest {
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<Bytes>,
}

impl RawRequest {
    /// Adds a path parameter. The value is percent-encoded.
    #[must_use]
    pub fn path(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.path.push((name.into(), value.into()));
        self
    }

    /// Adds a query parameter. Name and value are percent-encoded.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header. `Accept` and `Content-Type` replace the values that are sent by default.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the JSON body.
    #[must_use]
    pub fn body(mut self, json: impl Into<Bytes>) -> Self {
        self.body = Some(json.into());
        self
    }
}

impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        f.debug_struct("RawRequest")
            .field("path", &names(&self.path))
            .field("query", &names(&self.query))
            .field("headers", &names(&self.headers))
            .field("body_len", &self.body.as_ref().map(Bytes::len))
            .finish()
    }
}

impl Client {
    /// Sends a request and returns the response if its status is a success.
    ///
    /// # Errors
    /// - [`Error::InvalidRequest`] if a path parameter is missing or unknown, or a header is invalid.
    /// - Otherwise the same errors as typed calls, except [`Error::Undecodable`], because the body is not decoded.
    pub async fn send_raw(
        &self,
        operation: &Operation,
        request: RawRequest,
    ) -> Result<Response, Error<ErrorDocument>> {
        let url = format!("{}{}", self.baseurl, fill_path(&operation.path, &request.path)?);
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_| Error::InvalidRequest("a header parameter has an invalid name".into()))?;
            headers.append(name, HeaderValue::try_from(value.as_str())?);
        }
        let mut builder = RequestBuilder::new(operation.method.clone(), url);
        for pair in &request.query {
            builder = builder.query(&[pair]);
        }
        let media_type = HeaderValue::from_static("application/vnd.api+json");
        headers.entry(ACCEPT).or_insert(media_type);
        if let Some(body) = request.body {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            builder = builder.bytes(body);
        }
        let response = self.call(operation, builder.headers(headers).build()?).await?;
        let status = response.status();
        if status.is_success() {
            Ok(response)
        } else if status.is_client_error() || status.is_server_error() {
            Err(Error::ErrorResponse(crate::ResponseValue::from_response(response).await?))
        } else {
            Err(Error::UnexpectedResponse(response))
        }
    }
}

/// Inserts the parameters into a path template.
fn fill_path(template: &str, parameters: &[(String, String)]) -> Result<String, Error<ErrorDocument>> {
    let mut path = template.to_owned();
    for (name, value) in parameters {
        let placeholder = format!("{{{name}}}");
        // `.` and `..` would be resolved to another path, and an empty segment to the path of the list.
        if !path.contains(&placeholder) || value.is_empty() || value.chars().all(|letter| letter == '.') {
            let message = format!("the path has no parameter `{name}`, or its value is not allowed");
            return Err(Error::InvalidRequest(message));
        }
        // URL parsers treat a backslash like a slash, and `encode_path` keeps it.
        path = path.replace(&placeholder, &encode_path(value).replace('\\', "%5C"));
    }
    match template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
        .find(|name| parameters.iter().all(|(parameter, _)| parameter != name))
    {
        Some(name) => Err(Error::InvalidRequest(format!("the path parameter `{name}` is missing"))),
        None => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_requires_exactly_its_parameters() {
        let pairs = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        assert_eq!(fill_path("/a/{id}/", &pairs("id", "x/y {z}")).unwrap(), "/a/x%2Fy%20%7Bz%7D/");
        assert_eq!(fill_path("/a/{id}/", &pairs("id", "..\\x")).unwrap(), "/a/..%5Cx/");
        for invalid in [&pairs("id", "")[..], &pairs("id", ".."), &pairs("other", "x"), &[]] {
            assert!(fill_path("/a/{id}/", invalid).is_err());
        }
        assert_eq!(fill_path("/a/", &[]).unwrap(), "/a/");
    }
}
