//! The responses of the service.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// The media type of every response with a body, according to the vendor's reference pages.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.api+json";

/// Marks a response, in its extensions, that violates the spec because a test asked for it with a quirk or a fault.
/// The sandbox does not check such a response.
#[derive(Clone, Copy)]
pub(crate) struct SkipSpecCheck;

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
    pub(crate) source: Option<ErrorSource>,
    pub(crate) omit_body: bool,
}

/// The part of the request that caused an error: the `source` of a JSON:API error.
#[derive(Debug)]
pub(crate) enum ErrorSource {
    Pointer(String),
    Parameter(String),
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
        Self { status, code, detail: detail.into(), source: None, omit_body: false }
    }

    /// Creates an error for an attribute of the request body.
    pub(crate) fn attribute(code: &'static str, name: &str, detail: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
        error.with_pointer(format!("/data/attributes/{name}"))
    }

    /// Creates an error for a query parameter.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::BAD_REQUEST, "invalid-parameter", detail);
        Self { source: Some(ErrorSource::Parameter(name.to_owned())), ..error }
    }

    pub(crate) fn not_found(noun: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("The {noun} does not exist."))
    }

    pub(crate) fn with_pointer(self, pointer: String) -> Self {
        Self { source: Some(ErrorSource::Pointer(pointer)), ..self }
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
        match self.source {
            Some(ErrorSource::Pointer(pointer)) => error["source"] = json!({"pointer": pointer}),
            Some(ErrorSource::Parameter(parameter)) => error["source"] = json!({"parameter": parameter}),
            None => {}
        }
        http_response(self.status, Some(&json!({"errors": [error]})))
    }
}

fn http_response(status: StatusCode, body: Option<&Value>) -> Response<Bytes> {
    let mut response = Response::new(body.map_or_else(Bytes::new, |body| body.to_string().into()));
    *response.status_mut() = status;
    if body.is_some() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    }
    response
}
