//! S3's error responses.

use http::StatusCode;

/// An error as S3 returns it: a status and an XML document with a code, a message and further elements.
#[derive(Clone, Debug)]
pub(super) struct S3Error {
    pub(super) status: StatusCode,
    code: &'static str,
    message: String,
    /// Further elements of the document.
    elements: Vec<(&'static str, String)>,
    /// The length of the object, for the `Content-Range` header of an unsatisfiable range.
    pub(super) object_length: Option<usize>,
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

/// Returns an error document.
pub(super) fn document(code: &str, message: &str, elements: &[(&str, String)]) -> String {
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
