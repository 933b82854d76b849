//! Violations of the spec.

use std::fmt;

/// A violation of the API spec in a request or a response.
///
/// A violation contains its location and a description of the expected value. It never contains the actual value,
/// which may be health information or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The ID of the operation, such as `create_patient`, or `None` if the spec does not define the call.
    pub operation: Option<&'static str>,
    /// Whether the request or the response violates the spec.
    pub direction: Direction,
    pub(crate) location: ViolationLocation,
    pub(crate) expected: String,
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
pub(crate) enum ViolationLocation {
    /// The value at this JSON pointer in the body.
    Body(String),
    /// A whole call that the spec does not define: its method, and the segments of its path that the spec knows.
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
    /// Creates a violation for a call that matches no operation.
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
