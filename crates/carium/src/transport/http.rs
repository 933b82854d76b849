//! The innermost layers: HTTP with `reqwest`, and the adapter for custom transports.

use std::error::Error as StdError;
use std::iter::successors;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium_api::{Operation, RetryClass, Transport, TransportError};
use http::{Request, Response};

use super::failure::{FailureCause, TransportFailure};
use super::layer::{CallContext, Layer};
use crate::connect_failure::ConnectFailure;

/// Sends requests with `reqwest` and reads responses up to a maximum size.
pub(crate) struct HttpLayer {
    client: reqwest::Client,
    /// Sends the operations of class [`RetryClass::Create`], on connections of its own.
    creation_client: reqwest::Client,
    max_response_bytes: usize,
}

impl HttpLayer {
    pub(crate) fn new(
        client: reqwest::Client,
        creation_client: reqwest::Client,
        max_response_bytes: usize,
    ) -> Self {
        Self { client, creation_client, max_response_bytes }
    }
}

#[async_trait]
impl Layer for HttpLayer {
    async fn send(
        &self,
        _call: &CallContext,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        let is_creation = operation.retry == RetryClass::Create;
        let client = if is_creation { &self.creation_client } else { &self.client };
        let request = reqwest::Request::try_from(request)
            .map_err(|error| TransportFailure::not_sent(error.without_url()))?;
        let mut http_response = client.execute(request).await.map_err(classify)?;
        let is_too_large = |length: usize| length > self.max_response_bytes;
        // If the `Content-Length` header exceeds the limit, the body is not read at all.
        let announced = http_response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut exceeds_limit = announced.is_some_and(is_too_large);
        let mut body = BytesMut::new();
        while !exceeds_limit && let Some(chunk) = http_response.chunk().await.map_err(classify)? {
            exceeds_limit = is_too_large(body.len() + chunk.len());
            body.extend_from_slice(&chunk);
        }
        if exceeds_limit {
            if http_response.status().is_success() {
                return Err(TransportFailure::new(FailureCause::ResponseTooLarge));
            }
            // The status alone describes a failure. Its body, for example a proxy's error page, is dropped.
            body.clear();
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = http_response.status();
        *response.headers_mut() = std::mem::take(http_response.headers_mut());
        Ok(response)
    }
}

/// A layer as a transport, which a custom transport can wrap.
pub(crate) struct LayerTransport(pub(crate) Arc<dyn Layer>);

#[async_trait]
impl Transport for LayerTransport {
    async fn send(
        &self,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        // The innermost layer does not use the context, which belongs to the layers around the custom transport.
        let call = CallContext::detached();
        self.0.send(&call, operation, request).await.map_err(TransportError::from)
    }
}

/// Converts an error of `reqwest`.
///
/// It is certain that nothing was sent if the connection could not be established, or if it was closed before the
/// request was written to it. The URL is removed from the error, because it can contain IDs and errors are logged.
fn classify(error: reqwest::Error) -> TransportFailure {
    let cause = if error.is_connect() || was_closed_before_sending(&error) {
        FailureCause::NotSent
    } else if error.is_timeout() {
        FailureCause::AttemptTimeout
    } else {
        FailureCause::ConnectionLost
    };
    let connect = if error.is_connect() { ConnectFailure::of(&error) } else { None };
    let mut failure = TransportFailure::new(cause).with_source(error.without_url());
    failure.connect = connect;
    failure
}

/// Returns whether the connection was closed while the request was still queued. `hyper` reports this as "canceled".
fn was_closed_before_sending(error: &(dyn StdError + 'static)) -> bool {
    successors(Some(error), |error| (*error).source())
        .any(|error| error.downcast_ref().is_some_and(hyper::Error::is_canceled))
}

/// Sends requests through a custom transport.
pub(crate) struct CustomTransport(pub(crate) Arc<dyn Transport>);

#[async_trait]
impl Layer for CustomTransport {
    async fn send(
        &self,
        _call: &CallContext,
        operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        self.0.send(operation, request).await.map_err(TransportFailure::from_error)
    }
}
