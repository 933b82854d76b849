//! Why a step is not done, in words that can be kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// Why a step is not done: what is kept of an [`Error`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct StepFailure {
    /// What it comes down to.
    pub kind: ErrorKind,
    /// The same for a person, without any value in it.
    pub message: String,
    /// Whether the same may well succeed another time.
    pub retryable: bool,
    /// The id of the operation that failed, such as `create_patient`. `None` where nothing was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The HTTP status that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The service's own id of the request, to quote to the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The names of the fields that are at fault, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// How long the service asked to wait, in seconds and rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

impl StepFailure {
    /// How long the service asked to wait before the next try, in whole seconds, where it did.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_seconds.map(Duration::from_secs)
    }
}

impl From<&Error> for StepFailure {
    fn from(error: &Error) -> Self {
        let passes = matches!(error.kind(), ErrorKind::Expired | ErrorKind::Canceled);
        let fields = error.problems().iter().filter_map(|problem| problem.field().map(str::to_owned));
        Self {
            kind: error.kind(),
            message: error.to_string(),
            // What has expired is asked for anew, and what was cancelled was not refused.
            retryable: error.is_transient() || (passes && !error.may_have_been_applied()),
            operation: error.operation().map(str::to_owned),
            status: error.status(),
            request_id: error.request_id().map(str::to_owned),
            fields: fields.collect(),
            retry_after_seconds: error
                .retry_after()
                .map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
        }
    }
}
