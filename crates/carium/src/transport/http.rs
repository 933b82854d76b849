//! The innermost layers: HTTP with `reqwest`, and the adapter for custom transports.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};

use super::failure::{FailureCause, TransportFailure};
use super::layer::{CallContext, Layer};

/// Sends requests with `reqwest` and reads responses up to a maximum size.
pub(crate) struct HttpLayer {
    client: reqwest::Client,
    max_response_bytes: usize,
}

impl HttpLayer {
    pub(crate) fn new(client: reqwest::Client, max_response_bytes: usize) -> Self {
        Self { client, max_response_bytes }
    }
}

#[async_trait]
impl Layer for HttpLayer {
    async fn send(
        &self,
        _call: &CallContext,
        _operation: &Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        let request = reqwest::Request::try_from(request)
            .map_err(|error| TransportFailure::not_sent(error.without_url()))?;
        let mut http_response = self.client.execute(request).await.map_err(classify)?;
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
/// Only if the connection could not be established is it certain that nothing was sent. The URL is removed from
/// the error, because it can contain IDs and errors are logged.
fn classify(error: reqwest::Error) -> TransportFailure {
    let cause = if error.is_connect() {
        FailureCause::NotSent
    } else if error.is_timeout() {
        FailureCause::AttemptTimeout
    } else {
        FailureCause::ConnectionLost
    };
    TransportFailure::new(cause).with_source(error.without_url())
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
