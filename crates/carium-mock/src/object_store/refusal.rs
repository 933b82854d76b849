//! What is wrong with a request, in S3's words.

use http::StatusCode;

/// An error as S3 has it: a status, and a document with a code, a message and what else there is to say.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: &'static str,
    message: String,
    more: Vec<(&'static str, String)>,
    /// For `Content-Range`, of a range that is outside the object: the object's length.
    pub(super) outside_of: Option<usize>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), more: Vec::new(), outside_of: None }
    }

    pub(super) fn with(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.more.push((name, value.to_string()));
        self
    }

    pub(super) fn outside_of(self, length: usize) -> Self {
        Self { outside_of: Some(length), ..self }
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

    pub(super) fn two_mechanisms() -> Self {
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
        document(self.code, &self.message, &self.more)
    }
}

/// An error document. What is more than code and message is between its own tags.
pub(super) fn document(code: &str, message: &str, more: &[(&str, String)]) -> String {
    let more: Vec<_> =
        more.iter().map(|(name, value)| format!("<{name}>{}</{name}>", escape(value))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>{}</Error>",
        escape(code),
        escape(message),
        more.concat(),
    )
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
