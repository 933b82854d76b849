//! Failures of steps, in a form that can be stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// The failure of a step: the parts of an [`Error`] that can be stored and logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct StepFailure {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// The message for a person. It contains no values from the request or the response.
    pub message: String,
    /// Whether a later attempt with the same request is likely to succeed.
    pub retryable: bool,
    /// The ID of the operation that failed, such as `create_patient`. `None` if no operation was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The HTTP status of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The service's ID of the request, for support requests to the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The names of the invalid fields, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The delay that the service requested, in seconds, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

impl StepFailure {
    /// Returns the delay that the service requested before the next attempt, in whole seconds, if it requested one.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_seconds.map(Duration::from_secs)
    }
}

impl From<&Error> for StepFailure {
    fn from(error: &Error) -> Self {
        // The next run requests a new form in place of an expired one, and a canceled call was not rejected.
        let is_retryable_kind = matches!(error.kind(), ErrorKind::Expired | ErrorKind::Canceled);
        let fields = error.problems().iter().filter_map(|problem| problem.field().map(str::to_owned));
        Self {
            kind: error.kind(),
            message: error.to_string(),
            retryable: error.is_transient() || (is_retryable_kind && !error.may_have_been_applied()),
            operation: error.operation().map(str::to_owned),
            status: error.status(),
            request_id: error.request_id().map(str::to_owned),
            fields: fields.collect(),
            retry_after_seconds: error
                .retry_after()
                .map(|delay| delay.as_secs() + u64::from(delay.subsec_nanos() > 0)),
        }
    }
}
