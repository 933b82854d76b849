//! Checks requests and responses against the API spec.
//!
//! The generated types are more lenient than the spec, and share the mistakes of the code generator with the client.
//! This module checks the requests of clients and the responses of the sandbox against the schemas of the spec itself.
//! The spec is loaded from `generated/spec.json`, which contains its schemas as JSON Schema.

mod schema;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use bytes::Bytes;
use carium_api::Operation;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
#[cfg(feature = "sandbox")]
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use self::schema::Schemas;

/// A violation of the API spec in a request or a response.
///
/// A violation contains its location and a description of the expected value. It never contains the actual value,
/// which may be health information or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The ID of the operation, such as `create_patient`. `None` if the call was not matched to an operation, because
    /// the spec does not define it or its body is too large.
    pub operation: Option<&'static str>,
    /// Whether the request or the response violates the spec.
    pub direction: Direction,
    location: ViolationLocation,
    expected: String,
}

/// A direction of a call: the request or its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The request that a client sent.
    Request,
    /// The response of the sandbox.
    Response,
}

/// The part of a request or response that violates the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "sandbox"), allow(dead_code, reason = "only the sandbox checks responses"))]
pub(crate) enum ViolationLocation {
    /// The value at this JSON pointer in the body.
    Body(String),
    /// A whole call that was not matched to an operation: its method, and the segments of its path that occur in the
    /// spec.
    Call(String),
    Header(&'static str),
    /// A parameter that the spec defines.
    Parameter(String),
    Path,
    Status,
    /// The query parameter at this position, counted from 1. Its name is not stored because the client chose it.
    UnknownParameter(usize),
}

impl Violation {
    /// Creates a violation for a call that was not matched to an operation.
    #[cfg(feature = "sandbox")]
    pub(crate) fn unknown_call(call: String, expected: String) -> Self {
        let location = ViolationLocation::Call(call);
        Self { operation: None, direction: Direction::Request, location, expected }
    }

    /// Returns the location in the body as a JSON pointer (RFC 6901), which is empty for the whole body. Returns
    /// `None` if the violation is not in the body.
    pub fn pointer(&self) -> Option<&str> {
        match &self.location {
            ViolationLocation::Body(pointer) => Some(pointer),
            _ => None,
        }
    }

    pub(crate) fn location(&self) -> &ViolationLocation {
        &self.location
    }

    /// Describes the value that the spec expects.
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

/// Prints one line: `create_patient, request, body at /data/attributes/gender: expected one of …`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = self.operation.unwrap_or("unknown operation");
        write!(f, "{operation}, {}, {}: expected {}", self.direction, self.location, self.expected)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

impl fmt::Display for ViolationLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(pointer) if pointer.is_empty() => f.write_str("body"),
            Self::Body(pointer) => write!(f, "body at {pointer}"),
            Self::Call(call) => f.write_str(call),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Path => f.write_str("path"),
            Self::Status => f.write_str("status"),
            Self::UnknownParameter(position) => write!(f, "query parameter {position}"),
        }
    }
}

/// The spec, parsed once per process.
static SPEC: LazyLock<ApiSpec> = LazyLock::new(ApiSpec::load);

struct ApiSpec {
    /// By operation ID.
    operations: BTreeMap<String, OperationSpec>,
    schemas: Schemas,
}

#[derive(Deserialize)]
struct OperationSpec {
    parameters: Vec<ParameterSpec>,
    request: Option<RequestBodySpec>,
    /// By status as the spec writes it, such as `200` or `2XX`.
    #[cfg(feature = "sandbox")]
    responses: BTreeMap<String, MediaTypes>,
}

#[derive(Deserialize)]
struct ParameterSpec {
    name: String,
    #[serde(rename = "in")]
    location: String,
    required: bool,
}

#[derive(Deserialize)]
struct RequestBodySpec {
    required: bool,
    content: MediaTypes,
}

/// The schemas of a body by media type. Only the keys are used: [`Schemas`] compiles a schema by its JSON pointer.
type MediaTypes = BTreeMap<String, Value>;

impl ApiSpec {
    fn load() -> Self {
        #[derive(Deserialize)]
        struct SpecFile {
            operations: BTreeMap<String, OperationSpec>,
        }
        const TEXT: &str = include_str!("generated/spec.json");
        const REASON: &str = "the file is generated, and every test of the sandbox reads it";
        let SpecFile { operations } = serde_json::from_str(TEXT).expect(REASON);
        let schemas = Schemas::new(serde_json::from_str(TEXT).expect(REASON));
        Self { operations, schemas }
    }
}

/// Returns the violations of the spec in a request.
///
/// Only the format of the request is checked. A request without a token or with an unknown ID conforms to the spec,
/// although the service rejects it. A request to a path that the caller chose is not checked.
pub(crate) fn check_request(operation: &Operation, request: &Request<Bytes>) -> Vec<Violation> {
    if operation.id == Operation::RUN_TIME_ID {
        return Vec::new();
    }
    Checker::new(operation, Direction::Request).request(request)
}

#[cfg(feature = "sandbox")]
/// Returns the violations of the spec in a response.
pub(crate) fn check_response(operation: &Operation, response: &Response<Bytes>) -> Vec<Violation> {
    Checker::new(operation, Direction::Response).response(response)
}

/// Returns the names of the parameters in the path of an operation, with their values in the path of a request.
pub(crate) fn path_parameters<'a>(
    operation: &'a Operation,
    path: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    // Two of the vendor's example programs send a double slash.
    fn segments(path: &str) -> impl DoubleEndedIterator<Item = &str> {
        path.split('/').filter(|segment| !segment.is_empty())
    }
    // From the end, because the base URL may have a path before that of the operation.
    let pairs = segments(&operation.path).rev().zip(segments(path).rev());
    pairs.filter_map(|(template, segment)| {
        Some((template.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))?, segment))
    })
}

/// The check of one request or response.
struct Checker<'a> {
    operation: &'a Operation,
    direction: Direction,
    /// JSON pointer to the operation in `spec.json`.
    pointer: String,
    violations: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn new(operation: &'a Operation, direction: Direction) -> Self {
        Self {
            operation,
            direction,
            pointer: format!("/operations/{}", operation.id),
            violations: Vec::new(),
        }
    }

    fn report(&mut self, location: ViolationLocation, expected: impl Into<String>) {
        let operation = Some(self.operation.id);
        let expected = expected.into();
        self.violations.push(Violation { operation, direction: self.direction, location, expected });
    }

    /// Returns the spec of the operation, or reports a violation if `spec.json` does not have the operation.
    fn operation_spec(&mut self) -> Option<&'static OperationSpec> {
        let spec = SPEC.operations.get(self.operation.id);
        if spec.is_none() {
            self.report(ViolationLocation::Path, "an operation defined in the spec");
        }
        spec
    }

    fn request(mut self, request: &Request<Bytes>) -> Vec<Violation> {
        if let Some(spec) = self.operation_spec() {
            self.path(spec, request.uri().path());
            self.query(spec, request.uri().query().unwrap_or_default());
            match &spec.request {
                Some(body) if body.required || !request.body().is_empty() => {
                    let pointer = format!("{}/request/content", self.pointer);
                    self.body(&body.content, &pointer, request.headers(), request.body());
                }
                Some(_) => {}
                None if request.body().is_empty() => {}
                None => self.report(ViolationLocation::Body(String::new()), "no body"),
            }
        }
        self.violations
    }

    #[cfg(feature = "sandbox")]
    fn response(mut self, response: &Response<Bytes>) -> Vec<Violation> {
        if let Some(spec) = self.operation_spec() {
            match media_types_of(&spec.responses, response.status()) {
                None => {
                    let statuses: Vec<_> = spec.responses.keys().map(String::as_str).collect();
                    self.report(ViolationLocation::Status, format!("one of {}", statuses.join(", ")));
                }
                Some((_, media_types)) if media_types.is_empty() => {
                    if !response.body().is_empty() {
                        self.report(ViolationLocation::Body(String::new()), "no body");
                    }
                }
                Some((status, media_types)) => {
                    let pointer = format!("{}/responses/{status}", self.pointer);
                    self.body(media_types, &pointer, response.headers(), response.body());
                }
            }
        }
        self.violations
    }

    fn path(&mut self, spec: &OperationSpec, path: &str) {
        for (name, segment) in path_parameters(self.operation, path) {
            let is_match = |parameter: &ParameterSpec| parameter.location == "path" && parameter.name == name;
            if let Some(index) = spec.parameters.iter().position(is_match) {
                self.parameter(index, segment, &ViolationLocation::Parameter(name.to_owned()));
            }
        }
    }

    fn query(&mut self, spec: &OperationSpec, query: &str) {
        let index_of = |name: &str| {
            spec.parameters
                .iter()
                .position(|parameter| parameter.location == "query" && parameter.name == name)
        };
        let mut is_present = vec![false; spec.parameters.len()];
        // The spec names some filters of a list and says that the service has more.
        let is_filter = |name: &str| name.starts_with("filter[") && name.ends_with(']');
        let has_filters = spec.parameters.iter().any(|parameter| is_filter(&parameter.name));
        for (position, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
            match index_of(&name) {
                Some(index) if is_present[index] => {
                    self.report(ViolationLocation::Parameter(name.into_owned()), "a single value");
                }
                Some(index) => {
                    is_present[index] = true;
                    self.parameter(index, &value, &ViolationLocation::Parameter(name.into_owned()));
                }
                None if has_filters && is_filter(&name) => {}
                None => {
                    let names = spec.parameters.iter().filter(|parameter| parameter.location == "query");
                    let names: Vec<_> = names.map(|parameter| parameter.name.as_str()).collect();
                    let expected = match names.as_slice() {
                        [] => "no parameters".to_owned(),
                        names => format!("one of {}", names.join(", ")),
                    };
                    self.report(ViolationLocation::UnknownParameter(position + 1), expected);
                }
            }
        }
        for (parameter, is_present) in spec.parameters.iter().zip(is_present) {
            if parameter.location == "query" && parameter.required && !is_present {
                let location = ViolationLocation::Parameter(parameter.name.clone());
                self.report(location, "a value, because the parameter is required");
            }
        }
    }

    /// Checks a parameter. Its text is parsed as a JSON literal if the schema does not accept a string.
    fn parameter(&mut self, index: usize, text: &str, location: &ViolationLocation) {
        let pointer = format!("{}/parameters/{index}/schema", self.pointer);
        let mut mismatches = SPEC.schemas.mismatches(&pointer, &Value::from(text));
        let rejects_strings = mismatches.iter().any(|mismatch| mismatch.is_type_mismatch);
        if let Some(literal) = serde_json::from_str::<Value>(text).ok().filter(|_| rejects_strings) {
            mismatches = SPEC.schemas.mismatches(&pointer, &literal);
        }
        for mismatch in mismatches {
            self.report(location.clone(), mismatch.expected);
        }
    }

    /// Checks a body against the schema of its media type. `pointer` is the JSON pointer to `media_types`.
    fn body(&mut self, media_types: &MediaTypes, pointer: &str, headers: &HeaderMap, body: &[u8]) {
        let content_type =
            headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        let media_type = media_types.keys().find(|name| name.eq_ignore_ascii_case(content_type));
        if media_type.is_none() {
            let names: Vec<_> = media_types.keys().map(String::as_str).collect();
            self.report(ViolationLocation::Header("content-type"), names.join(" or "));
        }
        // A body with a wrong `Content-Type` is checked as well, because the header may be the only mistake.
        let Some(media_type) = media_type.or_else(|| media_types.keys().next()) else { return };
        let Ok(value) = serde_json::from_slice(body) else {
            return self.report(ViolationLocation::Body(String::new()), "valid JSON");
        };
        let schema = format!("{pointer}/{}", media_type.replace('~', "~0").replace('/', "~1"));
        for mismatch in SPEC.schemas.mismatches(&schema, &value) {
            self.report(ViolationLocation::Body(mismatch.pointer), mismatch.expected);
        }
    }
}

#[cfg(feature = "sandbox")]
/// Returns the entry for a status: the exact status, else its range (such as `4XX`), else `default`.
fn media_types_of(
    responses: &BTreeMap<String, MediaTypes>,
    status: StatusCode,
) -> Option<(&str, &MediaTypes)> {
    let range = format!("{}XX", status.as_u16() / 100);
    let entry = responses.get_key_value(status.as_str()).or_else(|| responses.get_key_value(&range));
    entry
        .or_else(|| responses.get_key_value("default"))
        .map(|(status, media_types)| (status.as_str(), media_types))
}
