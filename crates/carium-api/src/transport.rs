//! The one seam between what is asked of the service and how it gets there.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::Operation;

/// Carries a request to the service and its answer back.
///
/// Every call of a [`Client`](crate::Client) goes through one method, with the operation's row of the
/// table. What a careful client does beside sending (signing in, repeating, limiting, tracing) is a
/// `Transport` around a `Transport`; a fake is a `Transport` without a network. The types are those of
/// `http`: implementing one needs no HTTP client.
///
/// An implementation
/// - sends the request to the origin of its URI and nowhere else: it follows no redirect;
/// - reads the whole answer before it returns, under a limit of its own;
/// - returns an answer of any status as `Ok`: judging it is the caller's;
/// - logs neither URI nor headers nor body. [`Operation::id`] and [`Operation::path`] are safe to log.
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
///         operation: &'static Operation,
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
    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// There is no whole answer: nothing was sent, or what came of it is not known.
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError>;
}

/// Why there is no answer. Opaque: what a transport has to say of it is its
/// [source](StdError::source), which the layer that knows the transport can take back.
pub struct TransportError(Box<dyn StdError + Send + Sync>);

impl TransportError {
    /// Wraps what went wrong. Its `Display` and `Debug` will be logged: no URL, no header, no body.
    pub fn new(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(source.into())
    }

    /// What went wrong.
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }

    /// What went wrong, itself, to be downcast.
    pub fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        self.0
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no answer from the service; the source of this error says why")
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
