//! Requests and responses of the service.

use bytes::Bytes;
use carium_api::Operation;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::spec_check::{Violation, ViolationLocation, path_parameters};

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
        let id = path_parameters(self.operation, self.uri.path()).next();
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

    /// Deserializes the body, which has been checked against the spec unless a quirk disables the check.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, ErrorResponse> {
        let mut deserializer = serde_json::Deserializer::from_slice(self.body);
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            if error.inner().is_syntax() || error.inner().is_eof() {
                return ErrorResponse::invalid_json();
            }
            let pointer = match error.path().to_string().as_str() {
                "." => String::new(),
                path => format!("/{}", path.replace(['.', '['], "/").replace(']', "")),
            };
            // The message of serde may quote a value, so the response has only the pointer.
            ErrorResponse::invalid_body("The member is missing or unknown, or its value is invalid.", pointer)
        })
    }

    /// Creates the error for a violation of the spec in this request.
    pub(crate) fn violates_spec(&self, violation: &Violation) -> ErrorResponse {
        let detail = format!("Expected {}.", violation.expected());
        match violation.location() {
            ViolationLocation::Body(_) if serde_json::from_slice::<IgnoredAny>(self.body).is_err() => {
                ErrorResponse::invalid_json()
            }
            ViolationLocation::Body(pointer) => ErrorResponse::invalid_body(detail, pointer.clone()),
            ViolationLocation::Header(_) => {
                ErrorResponse::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
            }
            // A malformed ID cannot belong to an existing resource.
            ViolationLocation::Parameter(name)
                if path_parameters(self.operation, self.uri.path())
                    .any(|(parameter, _)| parameter == name) =>
            {
                ErrorResponse::not_found("resource")
            }
            ViolationLocation::Parameter(name) => ErrorResponse::parameter(name, detail),
            ViolationLocation::UnknownParameter(position) => {
                let name = position.checked_sub(1).and_then(|index| self.query.get(index));
                ErrorResponse::parameter(name.map(|(name, _)| name.as_str()).unwrap_or_default(), detail)
            }
            // The violations of calls without an operation and of responses.
            ViolationLocation::Call(_) | ViolationLocation::Path | ViolationLocation::Status => {
                ErrorResponse::new(StatusCode::BAD_REQUEST, "invalid", detail)
            }
        }
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

    /// Creates an error for a body that is not JSON.
    pub(crate) fn invalid_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-json", "The body is not valid JSON.")
    }

    /// Creates an error for the value at a JSON pointer into the request body.
    pub(crate) fn invalid_body(detail: impl Into<String>, pointer: String) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).with_pointer(pointer)
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
