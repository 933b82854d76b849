//! The responses of the object store.

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::faults::FaultResponse;

/// Returns a response without headers and without a body.
pub(super) fn empty_response(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// Adds headers and a body to a response.
pub(super) trait ResponseExt {
    /// Adds a header. An invalid value is ignored, because it may come from the form of an upload.
    fn with_header(self, name: HeaderName, value: &str) -> Self;

    fn with_body(self, body: impl Into<Bytes>) -> Self;

    fn with_xml(self, document: String) -> Self;
}

impl ResponseExt for Response<Bytes> {
    fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers_mut().append(name, value);
        }
        self
    }

    fn with_body(self, body: impl Into<Bytes>) -> Self {
        self.map(|_| body.into())
    }

    fn with_xml(self, document: String) -> Self {
        self.with_body(document).with_header(CONTENT_TYPE, "application/xml")
    }
}

/// An error as S3 returns it: a status and an XML document with a code, a message and further elements.
#[derive(Clone, Debug)]
pub(super) struct S3Error {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Further elements of the document.
    elements: Vec<(&'static str, String)>,
    /// The length of the object, for the `Content-Range` header of an unsatisfiable range.
    object_length: Option<usize>,
}

impl S3Error {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), elements: Vec::new(), object_length: None }
    }

    /// Adds an element to the document.
    pub(super) fn with(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.elements.push((name, value.to_string()));
        self
    }

    pub(super) fn with_object_length(self, length: usize) -> Self {
        Self { object_length: Some(length), ..self }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn invalid_argument(message: impl Into<String>, name: &str) -> Self {
        Self::bad_request("InvalidArgument", message).with("ArgumentName", name)
    }

    pub(super) fn access_denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message)
    }

    pub(super) fn wrong_signature() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method.",
        )
    }

    pub(super) fn unknown_access_key() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
    }

    pub(super) fn two_auth_mechanisms() -> Self {
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query \
                       string parameter or the Authorization header should be specified";
        Self::invalid_argument(message, "Authorization")
    }

    pub(super) fn expired() -> Self {
        Self::access_denied("Request has expired")
    }

    pub(super) fn no_such_bucket() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )
    }

    pub(super) fn document(&self) -> String {
        document(self.code, &self.message, &self.elements)
    }
}

impl From<S3Error> for Response<Bytes> {
    fn from(error: S3Error) -> Self {
        let response = empty_response(error.status).with_xml(error.document());
        match error.object_length {
            Some(length) => response.with_header(CONTENT_RANGE, &format!("bytes */{length}")),
            None => response,
        }
    }
}

impl FaultResponse {
    /// Creates an error response of S3, such as `503 SlowDown`, with its error document.
    pub fn s3_error(status: u16, code: &str, message: &str) -> Self {
        Self::status(status).header("content-type", "application/xml").body(document(code, message, &[]))
    }
}

/// Returns an error document.
fn document(code: &str, message: &str, elements: &[(&str, String)]) -> String {
    let elements: Vec<_> =
        elements.iter().map(|(name, value)| format!("<{name}>{}</{name}>", escape(value))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>{}</Error>",
        escape(code),
        escape(message),
        elements.concat(),
    )
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
