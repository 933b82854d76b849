//! What can come of a call instead of its answer.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use crate::response::{Response, ResponseValue};
use crate::transport::TransportError;

/// Why a call has no answer to give. `E` is what the service says of refusals, `types::ErrorDocument`.
///
/// ```
/// use carium_api::{Error, types::ErrorDocument};
///
/// fn codes(error: &Error<ErrorDocument>) -> Vec<&str> {
///     let Error::ErrorResponse(said) = error else { return Vec::new() };
///     let problems = said.errors.known().into_iter().flatten();
///     problems.filter_map(|problem| problem.code.known().map(String::as_str)).collect()
/// }
/// ```
///
/// Neither `Debug` nor `Display` shows a body, a header or a URL; what the caller wants of them is in the
/// variants. None of these says whether a call may be repeated: that follows from the operation's
/// [`RetryClass`](crate::RetryClass) and is a matter of the layer above.
#[non_exhaustive]
pub enum Error<E = ()> {
    /// The request was not made: a parameter or a part of the body is missing or cannot be converted. The
    /// text names it. Nothing was sent; mend the call.
    InvalidRequest(String),
    /// There is no answer, or the transport would not send. Whether the request was carried out is not
    /// known, unless the [source](TransportError::get_ref) says so.
    Transport(TransportError),
    /// The service refused or failed, and said why in JSON.
    ErrorResponse(ResponseValue<E>),
    /// A status that the spec does not have for this operation, a redirect among them, or a refusal whose
    /// body is not JSON, such as a proxy's page.
    UnexpectedResponse(Response),
    /// An answer of success whose body is not what the spec says. The call has been carried out.
    Undecodable(Undecodable),
}

impl<E> Error<E> {
    /// The status of the answer, where there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::InvalidRequest(_) | Self::Transport(_) => None,
            Self::ErrorResponse(value) => Some(value.status()),
            Self::UnexpectedResponse(response) => Some(response.status()),
            Self::Undecodable(undecodable) => Some(undecodable.response.status()),
        }
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(what) => write!(f, "the request was not sent: {what}"),
            Self::Transport(error) => error.fmt(f),
            Self::ErrorResponse(value) => write!(f, "the service answered {}", value.status()),
            Self::UnexpectedResponse(response) => {
                write!(
                    f,
                    "the service answered {}, which its description does not know in this form",
                    response.status()
                )
            }
            Self::Undecodable(undecodable) => undecodable.fmt(f),
        }
    }
}

impl<E> fmt::Debug for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::Transport(_) => "Transport",
            Self::ErrorResponse(_) => "ErrorResponse",
            Self::UnexpectedResponse(_) => "UnexpectedResponse",
            Self::Undecodable(_) => "Undecodable",
        };
        write!(f, "{name}({self}")?;
        // What kept the request from being answered is what one wants to see of it.
        if let Self::Transport(error) = self {
            write!(f, ": {:?}", error.get_ref())?;
        }
        f.write_str(")")
    }
}

impl<E> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // The transport's error is this one, so what is behind it is its source.
            Self::Transport(error) => error.source(),
            _ => None,
        }
    }
}

impl<E> From<TransportError> for Error<E> {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl<E> From<Unbuildable> for Error<E> {
    fn from(error: Unbuildable) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

// Operations with a header parameter put text into one.
impl<E> From<http::header::InvalidHeaderValue> for Error<E> {
    fn from(_: http::header::InvalidHeaderValue) -> Self {
        Self::InvalidRequest("a parameter has characters that no header can hold".to_owned())
    }
}

/// A body that is not what the spec says.
#[derive(Clone, Debug)]
pub struct Undecodable {
    response: Response,
    line: usize,
    column: usize,
    problem: &'static str,
}

impl Undecodable {
    // serde's own message quotes what it found, so of it only the place and the kind are kept.
    pub(crate) fn new(response: Response, error: &serde_json::Error) -> Self {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "is JSON of another shape than the description has",
            serde_json::error::Category::Eof => "ends too early",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is not JSON",
        };
        Self { response, line: error.line(), column: error.column(), problem }
    }

    /// The answer, as it came.
    pub fn response(&self) -> &Response {
        &self.response
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { response, line, column, problem } = self;
        write!(
            f,
            "the service answered {}, and the body {problem} (line {line}, column {column})",
            response.status()
        )
    }
}

impl StdError for Undecodable {}

/// Why a request could not be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unbuildable {
    Query,
    Body,
    Url,
}

impl fmt::Display for Unbuildable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "a query parameter cannot be written as text",
            Self::Body => "the body cannot be written as JSON",
            Self::Url => "the URL that the parameters lead to is not one",
        })
    }
}
