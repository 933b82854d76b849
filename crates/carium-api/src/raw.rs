//! Requests by the table of operations alone.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use progenitor_client::encode_path;

use crate::error::Error;
use crate::request::RequestBuilder;
use crate::types::ErrorDocument;
use crate::{Client, Operation, Response};

/// A request of an operation of which no more is known than its row of the table: for programs that learn of
/// operations when they run, such as a command line. Others have a typed method for each.
///
/// Nothing of it is checked against the spec. `Debug` shows the names of parameters only.
#[derive(Clone, Default)]
pub struct RawRequest {
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<Bytes>,
}

impl RawRequest {
    /// A parameter of the path, which is encoded here.
    #[must_use]
    pub fn path(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.path.push((name.into(), value.into()));
        self
    }

    /// A parameter of the query, which is encoded here.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// A header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, as JSON.
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
    /// Sends a request of an operation and gives the answer as it came, if it is one of success.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] where a parameter of the path is missing or unknown, or a header is none; else as
    /// for every call, but that an answer of success is not read, so that none is undecodable.
    pub async fn send_raw(
        &self,
        operation: &'static Operation,
        request: RawRequest,
    ) -> Result<Response, Error<ErrorDocument>> {
        let url = format!("{}{}", self.baseurl, filled(operation.path, &request.path)?);
        let accept = HeaderValue::from_static("application/vnd.api+json");
        let mut builder = RequestBuilder::new(operation.method.clone(), url).header(ACCEPT, accept);
        for pair in &request.query {
            builder = builder.query(&[pair]);
        }
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| {
                Error::InvalidRequest("a parameter has a name that no header can have".into())
            })?;
            builder = builder.header(name, HeaderValue::try_from(value.as_str())?);
        }
        if let Some(body) = request.body {
            builder = builder.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).bytes(body);
        }
        let response = self.call(operation, builder.build()?).await?;
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

/// The path with its parameters in it.
fn filled(template: &str, parameters: &[(String, String)]) -> Result<String, Error<ErrorDocument>> {
    let mut path = template.to_owned();
    for (name, value) in parameters {
        let place = format!("{{{name}}}");
        // Dots would lead to another path, and an empty part to the list beside it.
        if !path.contains(&place) || value.is_empty() || value.chars().all(|letter| letter == '.') {
            let what = format!("the path has no parameter `{name}`, or not with such a value");
            return Err(Error::InvalidRequest(what));
        }
        path = path.replace(&place, &encode_path(value));
    }
    match template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
        .find(|name| parameters.iter().all(|(given, _)| given != name))
    {
        Some(name) => Err(Error::InvalidRequest(format!("the parameter `{name}` of the path is missing"))),
        None => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_filled_with_all_of_its_parameters_and_no_others() {
        let pairs = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        assert_eq!(filled("/a/{id}/", &pairs("id", "x/y {z}")).unwrap(), "/a/x%2Fy%20%7Bz%7D/");
        for wrong in [&pairs("id", "")[..], &pairs("id", ".."), &pairs("other", "x"), &[]] {
            assert!(filled("/a/{id}/", wrong).is_err());
        }
        assert_eq!(filled("/a/", &[]).unwrap(), "/a/");
    }
}
