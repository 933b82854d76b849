//! [`Error`]: the reasons why a call does not return a value.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::lenient_json;
use crate::response::{Response, ResponseValue};
use crate::transport::TransportError;

/// The reason why a call did not return a value. `E` is the body of an error response, `types::ErrorDocument`.
///
/// ```
/// use carium_api::{Error, types::ErrorDocument};
///
/// fn codes(error: &Error<ErrorDocument>) -> Vec<&str> {
///     let Error::ErrorResponse(response) = error else { return Vec::new() };
///     let problems = response.errors.known().into_iter().flatten();
///     problems.filter_map(|problem| problem.code.known().map(String::as_str)).collect()
/// }
/// ```
///
/// `Debug` and `Display` never show a body, a header or a URL. The variants give access to them. Whether a call
/// may be retried depends on the operation's [`RetryClass`](crate::RetryClass) and is decided by the caller.
#[non_exhaustive]
pub enum Error<E = ()> {
    /// A parameter or a part of the body is missing or invalid; the text names it. Nothing was sent.
    InvalidRequest(String),
    /// There is no response, or the transport did not send the request. Whether the operation was applied is
    /// unknown, unless the [source](TransportError::get_ref) states it.
    Transport(TransportError),
    /// The service responded with a 4xx or 5xx status and a JSON body.
    ErrorResponse(ResponseValue<E>),
    /// The response has a status that the spec does not define for this operation, such as a redirect, or it is an
    /// error response whose body is not JSON, such as a proxy's error page.
    UnexpectedResponse(Response),
    /// The response has a success status and a body that does not match the spec. The operation was applied.
    Undecodable(Undecodable),
}

impl<E> Error<E> {
    /// Returns the status of the response, if there was one.
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
            Self::InvalidRequest(message) => write!(f, "the request was not sent: {message}"),
            Self::Transport(error) => error.fmt(f),
            Self::ErrorResponse(value) => write!(f, "the service responded with status {}", value.status()),
            Self::UnexpectedResponse(response) => {
                write!(
                    f,
                    "the service responded with status {}, which the API specification does not define in this form",
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
        // For a transport error, the source is the relevant part.
        if let Self::Transport(error) = self {
            write!(f, ": {:?}", error.get_ref())?;
        }
        f.write_str(")")
    }
}

impl<E> StdError for Error<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // This error displays the transport error, so its source is the source of that error.
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

impl<E> From<RequestBuildError> for Error<E> {
    fn from(error: RequestBuildError) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

// Used by operations with a header parameter.
impl<E> From<http::header::InvalidHeaderValue> for Error<E> {
    fn from(_: http::header::InvalidHeaderValue) -> Self {
        Self::InvalidRequest("a parameter contains characters that are not allowed in a header".to_owned())
    }
}

/// A response whose body does not match the spec.
#[derive(Clone, Debug)]
pub struct Undecodable {
    response: Response,
    line: usize,
    column: usize,
    problem: &'static str,
}

impl Undecodable {
    // serde's message quotes values of the body, so only the position and the category are kept.
    pub(crate) fn new(response: Response, error: &serde_json::Error) -> Self {
        let problem = match error.classify() {
            serde_json::error::Category::Data => "is JSON that does not match the API specification",
            serde_json::error::Category::Eof => "is truncated",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "is not JSON",
        };
        Self { response, line: error.line(), column: error.column(), problem }
    }

    /// Returns the response.
    pub fn response(&self) -> &Response {
        &self.response
    }
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { response, line, column, problem } = self;
        write!(
            f,
            "the service responded with status {}, and the body {problem} (line {line}, column {column})",
            response.status()
        )
    }
}

impl StdError for Undecodable {}

impl<T: DeserializeOwned> ResponseValue<T> {
    /// Decodes the body.
    #[expect(clippy::unused_async, reason = "the generated methods await it")]
    pub(crate) async fn from_response<E>(response: Response) -> Result<Self, Error<E>> {
        match lenient_json::from_slice(response.body()) {
            Ok(value) => Ok(response.with_value(value)),
            // A proxy's HTML error page keeps its status.
            Err(_) if !response.status().is_success() => Err(Error::UnexpectedResponse(response)),
            Err(error) => Err(Error::Undecodable(Undecodable::new(response, &error))),
        }
    }
}

/// The reason why a request could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestBuildError {
    Query,
    Body,
    Url,
}

impl fmt::Display for RequestBuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query => "a query parameter cannot be encoded",
            Self::Body => "the body cannot be serialized as JSON",
            Self::Url => "the parameters result in an invalid URL",
        })
    }
}
