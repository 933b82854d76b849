//! Requests and responses of the service.

use bytes::Bytes;
use carium_api::Operation;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::form_urlencoded;

/// A request for an operation.
pub(crate) struct ParsedRequest<'a> {
    pub(crate) operation: &'a Operation,
    method: &'a Method,
    uri: &'a Uri,
    query: Vec<(String, String)>,
    headers: &'a HeaderMap,
    body: &'a [u8],
}

impl<'a> ParsedRequest<'a> {
    pub(crate) fn new(operation: &'a Operation, request: &'a Request<Bytes>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self {
            operation,
            method: request.method(),
            uri: request.uri(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: request.headers(),
            body: request.body().as_ref(),
        }
    }

    /// Returns the origin that the request was sent to: that of its URL in the fake, or `http://` and its `Host`
    /// header over HTTP.
    pub(crate) fn origin(&self) -> Option<String> {
        if let (Some(scheme), Some(authority)) = (self.uri.scheme(), self.uri.authority()) {
            return Some(format!("{scheme}://{authority}"));
        }
        Some(format!("http://{}", self.header(&HOST)?))
    }

    pub(crate) fn method(&self) -> &Method {
        self.method
    }

    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(crate) fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Returns the bearer token.
    pub(crate) fn token(&self) -> Option<&str> {
        self.header(&AUTHORIZATION)?.strip_prefix("Bearer ")
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Checks that the `Accept` header allows the media type of responses.
    pub(crate) fn check_accept(&self) -> Result<(), ErrorResponse> {
        let accept = self.header(&ACCEPT).unwrap_or("*/*");
        let allows_response = |range: &str| {
            let range = range.split(';').next().unwrap_or_default().trim();
            [MEDIA_TYPE, "application/*", "*/*"].contains(&range)
        };
        if accept.split(',').any(allows_response) {
            return Ok(());
        }
        let detail = format!("The `Accept` header must allow {MEDIA_TYPE}.");
        Err(ErrorResponse::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail))
    }

    /// Parses the ID in the path. A malformed ID is reported as not found.
    pub(crate) fn id<T: std::str::FromStr>(&self, noun: &str) -> Result<T, ErrorResponse> {
        let template = self.operation.path.split('/').filter(|segment| !segment.is_empty());
        // Two of the vendor's example programs send a double slash.
        let mut segments =
            self.uri.path().split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
        // The base URL may have a path before that of the operation.
        let prefix_length = segments.len().saturating_sub(template.clone().count());
        segments.drain(..prefix_length);
        let id = template.zip(segments).find(|(template, _)| template.starts_with('{'));
        id.and_then(|(_, segment)| segment.parse().ok()).ok_or_else(|| ErrorResponse::not_found(noun))
    }

    /// Returns the query parameters in order.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Parses a query parameter, which may occur at most once.
    pub(crate) fn parameter<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ErrorResponse> {
        let mut values = self.parameters().filter(|(key, _)| *key == name).map(|(_, value)| value);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(ErrorResponse::parameter(name, "The parameter occurs more than once."));
        }
        value
            .parse()
            .map(Some)
            .map_err(|_| ErrorResponse::parameter(name, "The value of the parameter is invalid."))
    }

    /// Deserializes the body as strictly as the spec defines it.
    pub(crate) fn body<T: DeserializeOwned + Serialize>(&self) -> Result<T, ErrorResponse> {
        let media_type = self.header(&CONTENT_TYPE).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !["application/json", MEDIA_TYPE].contains(&media_type) {
            let detail = "The media type of requests is application/json.";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(ErrorResponse::new(status, "unsupported-media-type", detail));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(self.body);
        let body = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            if error.inner().is_syntax() || error.inner().is_eof() {
                let detail = "The body is not valid JSON.";
                return ErrorResponse::new(StatusCode::BAD_REQUEST, "invalid-json", detail);
            }
            let pointer = match path.as_str() {
                "." => String::new(),
                path => format!("/{}", path.replace(['.', '['], "/").replace(']', "")),
            };
            // The message of serde may quote a value, so the response has only the pointer.
            let detail = "The member is missing or unknown, or its value is invalid.";
            ErrorResponse::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).with_pointer(pointer)
        })?;
        match self.ignored_null(&body) {
            None => Ok(body),
            Some(pointer) => {
                let detail = "The member must not be null. Omit it instead.";
                let error = ErrorResponse::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail);
                Err(error.with_pointer(pointer))
            }
        }
    }

    /// Finds a `null` in the body that the spec does not allow.
    ///
    /// Serde accepts `null` for every optional member, but does not serialize one where it has no meaning. So the
    /// deserialized body is serialized again and compared.
    fn ignored_null(&self, deserialized: &impl Serialize) -> Option<String> {
        if !self.body.windows(4).any(|bytes| bytes == b"null") {
            return None;
        }
        let sent = serde_json::from_slice(self.body).ok()?;
        let serialized = serde_json::to_value(deserialized).ok()?;
        find_missing_null(&sent, Some(&serialized))
    }
}

/// Returns the JSON pointer to a null in `sent` that has no counterpart in `serialized`.
fn find_missing_null(sent: &Value, serialized: Option<&Value>) -> Option<String> {
    match sent {
        Value::Null => serialized.is_none().then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let rest = find_missing_null(item, serialized.and_then(|value| value.get(index)))?;
            Some(format!("/{index}{rest}"))
        }),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let rest = find_missing_null(member, serialized.and_then(|value| value.get(name)))?;
            Some(format!("/{name}{rest}"))
        }),
        _ => None,
    }
}

/// The media type of every response with a body, according to the vendor's reference pages.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.api+json";

/// Marks a response, in its extensions, that violates the spec because a test asked for it with a quirk or a fault.
/// The sandbox does not check such a response.
#[derive(Clone, Copy)]
pub(crate) struct SkipSpecCheck;

/// The response to an operation.
pub(crate) type ServiceResult = Result<SuccessResponse, ErrorResponse>;

/// A successful response.
pub(crate) struct SuccessResponse {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
    pub(crate) skip_spec_check: bool,
}

/// A JSON:API error response.
#[derive(Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    /// The part of the request that caused the error: the kind of location, as in JSON:API, and the location.
    source: Option<(&'static str, String)>,
    pub(crate) omit_body: bool,
    /// The ID of the resource that exists already.
    pub(crate) existing_id: Option<String>,
    /// Whether the response has `meta` and a code in CamelCase.
    pub(crate) has_meta: bool,
}

impl SuccessResponse {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), skip_spec_check: false }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body), skip_spec_check: false }
    }

    pub(crate) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, skip_spec_check: false }
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        let mut response = http_response(self.status, self.body.as_ref());
        if self.skip_spec_check {
            response.extensions_mut().insert(SkipSpecCheck);
        }
        response
    }
}

impl ErrorResponse {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            source: None,
            omit_body: false,
            existing_id: None,
            has_meta: false,
        }
    }

    /// Creates an error for an attribute of the request body.
    pub(crate) fn attribute(code: &'static str, name: &str, detail: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
        error.with_pointer(format!("/data/attributes/{name}"))
    }

    /// Creates an error for a query parameter.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid-parameter", detail);
        Self { source: Some(("parameter", name.to_owned())), ..error }
    }

    pub(crate) fn not_found(noun: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("The {noun} does not exist."))
    }

    pub(crate) fn with_pointer(self, pointer: String) -> Self {
        Self { source: Some(("pointer", pointer)), ..self }
    }

    pub(crate) fn with_existing_id(self, existing_id: Option<String>) -> Self {
        Self { existing_id, ..self }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        if self.omit_body {
            let mut response = http_response(self.status, None);
            response.extensions_mut().insert(SkipSpecCheck);
            return response;
        }
        let mut error = json!({
            "status": self.status.as_str(),
            "code": self.code,
            "title": self.status.canonical_reason(),
            "detail": self.detail,
        });
        if let Some((kind, location)) = self.source {
            error["source"] = json!({kind: location});
        }
        if self.has_meta {
            error["code"] = camel_case(self.code).into();
            error["meta"] = self.existing_id.map_or_else(|| json!({}), |id| json!({"id": id}));
        }
        http_response(self.status, Some(&json!({"errors": [error]})))
    }
}

/// Converts a code from kebab case: `unknown-id` becomes `UnknownId`.
fn camel_case(code: &str) -> String {
    let mut words = code.split('-').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        first.to_ascii_uppercase() + rest
    });
    words.by_ref().collect()
}

fn http_response(status: StatusCode, body: Option<&Value>) -> Response<Bytes> {
    let mut response = Response::new(body.map_or_else(Bytes::new, |body| body.to_string().into()));
    *response.status_mut() = status;
    if body.is_some() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    }
    response
}
