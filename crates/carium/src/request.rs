//! Requests to any endpoint of the API, also to those that the spec does not contain.

#![allow(
    clippy::needless_pass_by_value,
    reason = "a parameter of type `impl Display` accepts values and references"
)]

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use carium_api::types::{PageLinks, PageMeta};
use carium_api::{Attribute, Client, Operation, RawRequest, RetryClass};
use http::{HeaderMap, HeaderName, Method};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::api_result;
use crate::error::Error;
use crate::headers::{RESERVED_HEADERS, request_id};
use crate::page::{DecodedPage, Items, ListOptions, ListPage, PageParameters, items};
use crate::problem::Problem;
use crate::transport::CallReport;

/// A request to an endpoint of the API, from [`Carium::request`](crate::Carium::request) or
/// [`Carium::operation`](crate::Carium::operation).
///
/// It is authenticated, retried, limited and traced like every other call. The first invalid input is reported when the
/// request is sent, together with all others; nothing is sent then.
///
/// # Logging
///
/// Spans and errors contain the method and the template of the path, but no values: pass IDs with
/// [`path_param`](Self::path_param). A path segment with a digit or a capital letter, such as an ID, is treated as a
/// value even if it is part of the path.
///
/// # Examples
///
/// ```
/// # use carium_mock::FakeCarium;
/// # use serde_json::json;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), carium::Error> {
/// # let fake = FakeCarium::new();
/// # let carium = fake.client();
/// # let teams = fake.resource("/caredb/v1/org-care-teams/");
/// # let id = teams.add(json!({"name": "Cardiology"}));
/// use carium::Method;
/// use serde_json::Value;
///
/// let path = "/caredb/v1/org-care-teams/{id}/";
/// let response = carium.request(Method::GET, path).path_param("id", &id).send().await?;
/// let team: Value = response.json()?;
/// assert_eq!(team["data"]["attributes"]["name"], "Cardiology");
/// # Ok(())
/// # }
/// ```
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    operation: Operation,
    request: RawRequest,
    /// Whether the query has a parameter of paging.
    selects_page: bool,
    problems: Vec<Problem>,
}

impl RequestBuilder {
    pub(crate) fn new(client: Client, operation: Operation) -> Self {
        Self { client, operation, request: RawRequest::default(), selects_page: false, problems: Vec::new() }
    }

    /// Creates a request to a path that the caller chose.
    pub(crate) fn to_path(client: Client, method: Method, path: &str) -> Self {
        let mut request = RawRequest::default();
        let mut problems = Vec::new();
        let template = match PathTemplate::parse(path) {
            Ok(PathTemplate { template, values }) => {
                request =
                    values.into_iter().fold(request, |request, (name, value)| request.path(name, value));
                template
            }
            Err((message, hint)) => {
                problems.push(Problem::new("path", message).with_hint(hint));
                String::new()
            }
        };
        // A service that supports TRACE sends the access token back in the body of its response.
        if matches!(method, Method::CONNECT | Method::TRACE) {
            problems.push(Problem::new("method", "is not a method of an API"));
        }
        let retry = match method {
            Method::GET | Method::HEAD | Method::OPTIONS => RetryClass::Safe,
            Method::PUT | Method::PATCH | Method::DELETE => RetryClass::Idempotent,
            _ => RetryClass::Create,
        };
        let operation = Operation::at_run_time(method, template, retry);
        Self { request, problems, ..Self::new(client, operation) }
    }

    /// Sets the value of a parameter in the path, such as `{id}`. It is percent-encoded and never logged.
    pub fn path_param(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.request = self.request.path(name, value.to_string());
        self
    }

    /// Adds a query parameter, such as `filter[organization-id]`. Name and value are percent-encoded.
    pub fn query(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        let name = name.into();
        self.selects_page |= name.starts_with("page[");
        self.request = self.request.query(name, value.to_string());
        self
    }

    /// Adds a header. Headers with credentials, and those that frame the message, are rejected.
    ///
    /// `Accept` and `Content-Type` replace the values that are sent by default.
    pub fn header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        let name = name.as_ref();
        match HeaderName::try_from(name) {
            Ok(name) if !RESERVED_HEADERS.contains(&name.as_str()) => {
                self.request = self.request.header(name.as_str(), value);
            }
            Ok(_) => self.problems.push(
                Problem::new("headers", "contain a header that the client sets itself")
                    .with_hint("remove credentials and headers of the connection"),
            ),
            Err(_) => self.problems.push(Problem::new("headers", "contain a name that is not valid")),
        }
        self
    }

    /// Sets the body to a value, as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        if let Ok(body) = serde_json::to_vec(body) {
            return self.body(body);
        }
        self.problems.push(Problem::new("body", "cannot be serialized as JSON"));
        self
    }

    /// Sets the body to JSON text.
    pub fn body(mut self, json: impl Into<Bytes>) -> Self {
        self.request = self.request.body(json);
        self
    }

    /// Sets when a failed call may be retried.
    ///
    /// Defaults to [`Safe`](RetryClass::Safe) for GET and HEAD, to [`Idempotent`](RetryClass::Idempotent) for PUT, PATCH
    /// and DELETE, and to [`Create`](RetryClass::Create) for POST. A POST that only reads, or that has the same effect
    /// when it is repeated, can be retried more often with another class.
    pub fn retry_class(mut self, class: RetryClass) -> Self {
        self.operation.retry = class;
        self
    }

    /// Sends the request.
    ///
    /// # Errors
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput): the method, the path, a header or the body is invalid. Nothing
    ///   was sent.
    /// - Otherwise the same errors as every other call: a response with an error status is an error.
    pub async fn send(self) -> Result<Response, Error> {
        let Self { client, operation, request, problems, .. } = self;
        if !problems.is_empty() {
            return Err(Error::invalid("the request is invalid", problems));
        }
        match client.send_raw(&operation, request).await {
            Ok(response) => Ok(Response { response, operation }),
            Err(error) => Err(api_result::convert_error(&operation, error)),
        }
    }

    /// Returns the items of a list, of all pages: the elements of `data`, decoded as `T`.
    ///
    /// The list is complete or ends with an error, like every list of this crate. An element that cannot be decoded as
    /// `T` is an error. [`serde_json::Value`] accepts every element.
    ///
    /// The options set the parameters of paging. A query that has one, such as `page[limit]`, is rejected, because the
    /// end of the list could then not be recognized.
    pub fn items<T: DeserializeOwned + Send + 'static>(self, options: ListOptions) -> Items<T> {
        let Self { client, operation, request, selects_page, mut problems } = self;
        if selects_page {
            problems.push(
                Problem::new("query", "has a parameter of paging")
                    .with_hint("set the page size and the start of the list with `ListOptions`"),
            );
        }
        if !problems.is_empty() {
            return Items::failed(Error::invalid("the request is invalid", problems));
        }
        let page_operation = operation.clone();
        let request_page = move |client: Client, page: PageParameters| {
            let mut request = request.clone().query("page[limit]", page.limit.to_string());
            if let Some(offset) = page.offset {
                request = request.query("page[offset]", offset.to_string());
            }
            let operation = page_operation.clone();
            async move { client.send_raw(&operation, request).await?.json::<ResourceList<T>>() }
        };
        items(client, &operation, options, request_page)
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder")
            .field("operation", &self.operation)
            .field("request", &self.request)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

/// A successful response to a [`RequestBuilder`].
///
/// `Debug` shows only the status and the length of the body.
#[derive(Clone)]
pub struct Response {
    response: carium_api::Response,
    operation: Operation,
}

impl Response {
    /// Returns the HTTP status, from 200 to 299.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Returns the ID that the service gave the request, if there is one.
    pub fn request_id(&self) -> Option<&str> {
        request_id(self.headers())
    }

    /// Returns the number of attempts, including the first.
    pub fn attempts(&self) -> u32 {
        self.response.extensions().get::<CallReport>().map_or(1, |report| report.attempts)
    }

    /// Returns the body. Treat it as health information.
    pub fn body(&self) -> &Bytes {
        self.response.body()
    }

    /// Decodes the body as JSON.
    ///
    /// # Errors
    /// [`Undecodable`](crate::ErrorKind::Undecodable): the body is not JSON of this type. If the operation changes
    /// something, the error [may have been applied](Error::may_have_been_applied).
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        api_result::convert_result(&self.operation, self.response.clone().json())
    }

    pub(crate) fn is_without_data(&self) -> bool {
        api_result::is_success_without_data(&self.response)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("operation", &self.operation)
            .field("response", &self.response)
            .finish()
    }
}

/// A path in which the segments that could be values are replaced by parameters.
struct PathTemplate {
    template: String,
    /// The names and values of the replaced segments.
    values: Vec<(String, String)>,
}

impl PathTemplate {
    /// The error is a message and a hint.
    fn parse(path: &str) -> Result<Self, (&'static str, &'static str)> {
        let Some(relative) = path.strip_prefix('/') else {
            return Err(("does not start with `/`", "use the form /caredb/v1/org-care-teams/"));
        };
        let (relative, end) = relative.strip_suffix('/').map_or((relative, ""), |relative| (relative, "/"));
        let parameter = |segment: &str| {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            name.map(str::to_owned)
        };
        let mut names: HashSet<String> = HashSet::new();
        for name in relative.split('/').filter_map(parameter) {
            if !names.insert(name) {
                return Err(("has a parameter twice", "give each parameter its own name"));
            }
        }
        let mut template = String::new();
        let mut values = Vec::new();
        for segment in relative.split('/') {
            template.push('/');
            let name = parameter(segment);
            let is_unreserved = |text: &str| {
                let mut bytes = text.bytes();
                bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'))
            };
            if !is_unreserved(name.as_deref().unwrap_or(segment)) {
                return Err((
                    "contains a character that is not allowed",
                    "pass values with `path_param` and the query with `query`",
                ));
            }
            if segment.bytes().all(|byte| byte == b'.') || name.as_deref() == Some("") {
                return Err(("has an empty segment, `.` or `..`", "remove the segment"));
            }
            if name.is_some() || is_name(segment) {
                template.push_str(segment);
                continue;
            }
            let mut number = 1;
            let mut name = "id".to_owned();
            while !names.insert(name.clone()) {
                number += 1;
                name = format!("id{number}");
            }
            template.push_str(&format!("{{{name}}}"));
            values.push((name, segment.to_owned()));
        }
        template.push_str(end);
        Ok(Self { template, values })
    }
}

/// Checks whether a segment is the name of a service, a version or a resource, in contrast to a value.
fn is_name(segment: &str) -> bool {
    let is_version = segment
        .strip_prefix('v')
        .is_some_and(|rest| rest.len() <= 3 && rest.bytes().all(|byte| byte.is_ascii_digit()));
    is_version || segment.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'))
}

/// A page of a list whose items are decoded as `T`.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct ResourceList<T> {
    data: Vec<ListedItem<T>>,
    #[serde(default)]
    links: Attribute<PageLinks>,
    #[serde(default)]
    meta: Attribute<PageMeta>,
}

struct ListedItem<T> {
    item: T,
    /// A hash of the ID, or of the whole item if it has none.
    id: u64,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for ListedItem<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let mut hasher = DefaultHasher::new();
        match value.get("id") {
            Some(id) => id.to_string().hash(&mut hasher),
            None => value.to_string().hash(&mut hasher),
        }
        // The message of serde can quote the value, so it is replaced.
        let item =
            T::deserialize(value).map_err(|_| D::Error::custom("an item of the list has another shape"))?;
        Ok(Self { item, id: hasher.finish() })
    }
}

impl<T: DeserializeOwned + Send + 'static> ListPage for ResourceList<T> {
    type Item = T;

    fn into_page(self) -> DecodedPage<T> {
        let (ids, items): (Vec<_>, Vec<_>) = self.data.into_iter().map(|item| (item.id, item.item)).unzip();
        DecodedPage::from_ids(items, ids, self.links, self.meta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(path: &str) -> Option<(String, Vec<String>)> {
        let template = PathTemplate::parse(path).ok()?;
        Some((
            template.template,
            template.values.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
        ))
    }

    #[test]
    fn values_in_a_path_become_parameters() {
        for (path, expected, values) in [
            ("/caredb/v1/org-care-teams/", "/caredb/v1/org-care-teams/", &[][..]),
            ("/caredb/v1/teams/{id}/members/", "/caredb/v1/teams/{id}/members/", &[]),
            ("/a/v1/b/2097e072-92f6/c", "/a/v1/b/{id}/c", &["id=2097e072-92f6"]),
            ("/a/7/b/8/", "/a/{id}/b/{id2}/", &["id=7", "id2=8"]),
            ("/a/{id}/7/", "/a/{id}/{id2}/", &["id2=7"]),
            ("/a/James/", "/a/{id}/", &["id=James"]),
            ("/a/v1234567/", "/a/{id}/", &["id=v1234567"]),
        ] {
            let values = values.iter().map(ToString::to_string).collect();
            assert_eq!(template(path), Some((expected.to_owned(), values)), "{path}");
        }
    }

    #[test]
    fn rejects_paths_that_could_lead_elsewhere() {
        for path in [
            "",
            "/",
            "a/",
            "//evil.example/",
            "https://evil.example/",
            "/a//b/",
            "/a/../b/",
            "/a/./b/",
            "/a/?b=1",
            "/a/#b",
            "/a\\b/",
            "/a/%2e%2e/b/",
            "/a b/",
            "/a/\u{e9}/",
            "/a\r\n/",
            "/@evil.example/",
            "/a/{}/",
            "/a/{id}/{id}/",
            "/a/{i/d}/",
        ] {
            assert_eq!(template(path), None, "{path}");
        }
    }
}
