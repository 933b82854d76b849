//! How a call differs from the spec.

use std::fmt;

/// A difference between a call and what the spec says of it.
///
/// It says where something is and what was expected there, and nothing of what was found: that may be health
/// information or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The id of the operation, such as `create_patient`; none where the call is none that the spec knows.
    pub operation: Option<&'static str>,
    /// Whose mistake it is.
    pub direction: Direction,
    pub(crate) place: Place,
    pub(crate) expected: String,
}

/// Which half of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What a client sent.
    Request,
    /// What the sandbox answered.
    Response,
}

/// What part of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this JSON pointer.
    Body(String),
    /// The whole of a call that the spec does not know: its method, and what of its path the spec knows.
    Call(String),
    Header(&'static str),
    /// A parameter that the spec names.
    Parameter(String),
    Path,
    Status,
    /// The parameter of the query at this position, counted from 1. Its name is the client's.
    UnknownParameter(usize),
}

impl Violation {
    /// A call that no operation is for.
    pub(crate) fn unknown_call(call: String, expected: String) -> Self {
        Self { operation: None, direction: Direction::Request, place: Place::Call(call), expected }
    }

    /// Where in the body it is, as a JSON pointer (RFC 6901): empty for the whole of it. None where it is not in the
    /// body.
    pub fn pointer(&self) -> Option<&str> {
        match &self.place {
            Place::Body(pointer) => Some(pointer),
            _ => None,
        }
    }

    /// What the spec wants there, in words.
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

/// One line: `create_patient, request, body at /data/attributes/gender: expected one of …`.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = self.operation.unwrap_or("unknown call");
        write!(f, "{operation}, {}, {}: expected {}", self.direction, self.place, self.expected)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "answer",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(pointer) if pointer.is_empty() => f.write_str("body"),
            Self::Body(pointer) => write!(f, "body at {pointer}"),
            Self::Call(call) => f.write_str(call),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Path => f.write_str("path"),
            Self::Status => f.write_str("status"),
            Self::UnknownParameter(nth) => write!(f, "parameter {nth} of the query"),
        }
    }
}
