//! Options for some calls: a view of a client with other settings.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::types::OrganizationId;
use carium_api::{Client, Operation, Transport, TransportError};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use crate::headers::{RESERVED_HEADERS, is_private_header, request_id};
use crate::problem::Problem;
use crate::transport::{CallReport, CallSettings};

/// Options that differ from those of the client, for [`Carium::with`](crate::Carium::with).
///
/// Everything that is not set is as in the client.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CallOptions {
    pub(super) settings: CallSettings,
    pub(super) headers: HeaderMap,
    pub(super) organization: Option<OrganizationId>,
    pub(super) recorder: Option<ResponseRecorder>,
    pub(super) problems: Vec<Problem>,
}

impl CallOptions {
    /// Sets the time limit for a whole call, including all retries and delays.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.settings.call_timeout = Some(timeout.min(super::builder::MAX_TIMEOUT));
        self
    }

    /// Sets the time limit for one attempt.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.settings.attempt_timeout = Some(timeout.min(super::builder::MAX_TIMEOUT));
        self
    }

    /// Sets the maximum number of attempts of a call, including the first. 0 counts as 1. Uploads and downloads retry
    /// their transfers by the client's policy.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = Some(attempts.max(1));
        self
    }

    /// Adds a header to each request, such as `X-Request-Id`. Headers with credentials, and those that frame the message,
    /// are rejected.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let name = HeaderName::try_from(name.as_ref());
        let value = HeaderValue::try_from(value.as_ref());
        match (name, value) {
            (Ok(name), Ok(value)) if !RESERVED_HEADERS.contains(&name.as_str()) => {
                self.headers.insert(name, value);
            }
            (Ok(_), Ok(_)) => self.problems.push(
                Problem::new("headers", "contain a header that the client sets itself")
                    .with_hint("remove credentials and headers of the connection"),
            ),
            _ => self.problems.push(Problem::new("headers", "contain a name or a value that is not valid")),
        }
        self
    }

    /// Sets the default organization.
    pub fn organization(mut self, organization: OrganizationId) -> Self {
        self.organization = Some(organization);
        self
    }

    /// Records the metadata of the responses.
    pub fn record_response(mut self, recorder: &ResponseRecorder) -> Self {
        self.recorder = Some(recorder.clone());
        self
    }
}

impl CallOptions {
    /// Returns a client that sends its requests with these options.
    pub(super) fn apply_to(&self, api: &Client) -> Client {
        let Self { settings, headers, recorder, .. } = self;
        if settings.is_default() && headers.is_empty() && recorder.is_none() {
            return api.clone();
        }
        let inner = Arc::clone(api.transport());
        let (settings, headers, recorder) = (*settings, headers.clone(), recorder.clone());
        Client::new(api.base_url().clone(), WithOptions { inner, settings, headers, recorder })
    }
}

/// Records the metadata of the last response of the calls of a view, also of a response with an error status. Clones
/// share the record.
///
/// # Examples
///
/// ```
/// # use carium_mock::FakeCarium;
/// # use futures_util::TryStreamExt as _;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeCarium::new();
/// # let carium = fake.client();
/// use carium::{ListOptions, ResponseRecorder};
///
/// let recorder = ResponseRecorder::default();
/// let recorded = carium.with(|options| options.record_response(&recorder))?;
/// let statuses = recorded.appointments().statuses(ListOptions::default());
/// # let statuses: Vec<_> = statuses.try_collect().await?;
/// let response = recorder.last().ok_or("no response")?;
/// assert_eq!((response.status, response.attempts), (200, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ResponseRecorder(Arc<Mutex<Option<ResponseMetadata>>>);

impl ResponseRecorder {
    /// Returns the metadata of the last response, or `None` if no call has received one.
    pub fn last(&self) -> Option<ResponseMetadata> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, operation: &Operation, response: &Response<Bytes>) {
        let mut headers = response.headers().clone();
        let private: Vec<_> = headers.keys().filter(|name| is_private_header(name)).cloned().collect();
        for name in private {
            headers.remove(name);
        }
        let metadata = ResponseMetadata {
            operation: operation.id,
            status: response.status().as_u16(),
            request_id: request_id(response.headers()).map(str::to_owned),
            attempts: response.extensions().get::<CallReport>().map_or(1, |report| report.attempts),
            headers,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(metadata);
    }
}

impl fmt::Debug for ResponseRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseRecorder").field(&self.last()).finish()
    }
}

/// The metadata of a response. `Debug` does not show the headers.
#[derive(Clone)]
#[non_exhaustive]
pub struct ResponseMetadata {
    /// The ID of the operation, such as `create_patient`.
    pub operation: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The ID that the service gave the request, if there is one.
    pub request_id: Option<String>,
    /// The number of attempts, including the first.
    pub attempts: u32,
    /// The headers, without cookies and challenges.
    pub headers: HeaderMap,
}

impl fmt::Debug for ResponseMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseMetadata")
            .field("operation", &self.operation)
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// Adds the options to each request of a client.
pub(super) struct WithOptions {
    pub(super) inner: Arc<dyn Transport>,
    pub(super) settings: CallSettings,
    pub(super) headers: HeaderMap,
    pub(super) recorder: Option<ResponseRecorder>,
}

#[async_trait]
impl Transport for WithOptions {
    async fn send(
        &self,
        operation: &Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        request.extensions_mut().insert(self.settings);
        request.headers_mut().extend(self.headers.clone());
        let response = self.inner.send(operation, request).await?;
        if let Some(recorder) = &self.recorder {
            recorder.record(operation, &response);
        }
        Ok(response)
    }
}
