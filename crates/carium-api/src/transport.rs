//! [`Transport`]: the interface between generated methods and the network.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::Operation;

/// Sends requests to the service and returns the responses.
///
/// Every call of a [`Client`](crate::Client) goes through this trait. Sign-in, retries, limits and tracing are
/// transports that wrap another transport, and a fake is a transport without a network. The trait uses the types of
/// `http`, so that an implementation needs no HTTP client.
///
/// An implementation:
/// - sends the request only to the origin of its URI and does not follow redirects;
/// - reads the complete response before it returns, up to a size limit;
/// - returns a response of any status as `Ok`;
/// - does not log URIs, headers or bodies. [`Operation::id`] and [`Operation::path`] are safe to log.
///
/// ```
/// use async_trait::async_trait;
/// use bytes::Bytes;
/// use carium_api::{Client, ClientCaredbExt as _, Operation, Transport, TransportError};
/// use http::{Request, Response};
///
/// struct Empty;
///
/// #[async_trait]
/// impl Transport for Empty {
///     async fn send(
///         &self,
///         operation: &Operation,
///         _request: Request<Bytes>,
///     ) -> Result<Response<Bytes>, TransportError> {
///         assert_eq!(operation.path, "/caredb/v1/org-practitioners/");
///         Ok(Response::new(Bytes::from_static(br#"{"data": []}"#)))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new("https://api.carium.com".parse()?, Empty);
/// let page = client.list_practitioners().send().await?;
/// assert!(page.data.is_empty());
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and reads the response.
    ///
    /// # Errors
    /// There is no complete response: the request was not sent, or its outcome is unknown.
    async fn send(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError>;
}

/// The reason why there is no response.
///
/// It wraps the error of the transport, which is its [source](StdError::source) and can be downcast.
pub struct TransportError(Box<dyn StdError + Send + Sync>);

impl TransportError {
    /// Wraps an error. Its `Display` and `Debug` may be logged, so they must not contain a URL, a header or a body.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }

    /// Returns the wrapped error.
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }

    /// Returns the wrapped error by value, for downcasting.
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        self.0
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no response from the service; see the source of this error")
    }
}

impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransportError").field(&self.0).finish()
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}
