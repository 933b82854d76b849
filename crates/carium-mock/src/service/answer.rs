//! What the service answers.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// The media type of every answer that has a body (reference pages).
pub(crate) const MEDIA_TYPE: &str = "application/vnd.api+json";

/// In the extensions of an answer that is other than the spec has it, because a test asked for that. The sandbox
/// does not hold such an answer against itself.
#[derive(Clone, Copy)]
pub(crate) struct BeyondTheSpec;

/// A yes.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
    pub(crate) is_beyond_the_spec: bool,
}

/// A no, with what a JSON:API error says of it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) source: Option<Source>,
    /// Whether it has no body.
    pub(crate) is_bare: bool,
}

/// What of a request is at fault.
#[derive(Debug)]
pub(crate) enum Source {
    Pointer(String),
    Parameter(String),
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), is_beyond_the_spec: false }
    }

    pub(crate) fn created(body: Value) -> Self {
        Self { status: StatusCode::CREATED, body: Some(body), is_beyond_the_spec: false }
    }

    pub(crate) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, is_beyond_the_spec: false }
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        let mut response = response(self.status, self.body.as_ref());
        if self.is_beyond_the_spec {
            response.extensions_mut().insert(BeyondTheSpec);
        }
        response
    }
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), source: None, is_bare: false }
    }

    /// A field of the body is at fault: the name of an attribute.
    pub(crate) fn attribute(code: &'static str, name: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).at(format!("/data/attributes/{name}"))
    }

    /// A parameter of the query is at fault.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let refusal = Self::new(StatusCode::BAD_REQUEST, "invalid-parameter", detail);
        Self { source: Some(Source::Parameter(name.to_owned())), ..refusal }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("There is no such {what}."))
    }

    pub(crate) fn at(self, pointer: String) -> Self {
        Self { source: Some(Source::Pointer(pointer)), ..self }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        if self.is_bare {
            let mut response = response(self.status, None);
            response.extensions_mut().insert(BeyondTheSpec);
            return response;
        }
        let mut error = json!({
            "status": self.status.as_str(),
            "code": self.code,
            "title": self.status.canonical_reason(),
            "detail": self.detail,
        });
        match self.source {
            Some(Source::Pointer(pointer)) => error["source"] = json!({"pointer": pointer}),
            Some(Source::Parameter(parameter)) => error["source"] = json!({"parameter": parameter}),
            None => {}
        }
        response(self.status, Some(&json!({"errors": [error]})))
    }
}

fn response(status: StatusCode, body: Option<&Value>) -> Response<Bytes> {
    let mut response = Response::new(body.map_or_else(Bytes::new, |body| body.to_string().into()));
    *response.status_mut() = status;
    if body.is_some() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    }
    response
}
