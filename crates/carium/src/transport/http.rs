//! The innermost layers: HTTP with `reqwest`, and the adapter for custom transports.

use std::error::Error as StdError;
use std::iter::successors;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium_api::{BaseUrl, Operation, RetryClass, Transport, TransportError};
use http::{Request, Response, Uri};
use url::Url;

use super::failure::{FailureCause, TransportFailure};
use super::layer::{CallContext, Layer};
use crate::connect_failure::ConnectFailure;

/// Sends requests with `reqwest` and reads responses up to a maximum size.
pub(crate) struct HttpLayer {
    client: reqwest::Client,
    /// Sends the operations of class [`RetryClass::Create`], on connections of its own.
    creation_client: reqwest::Client,
    base_url: BaseUrl,
    parsed_base_url: Option<Url>,
    max_response_bytes: usize,
}

impl HttpLayer {
    pub(crate) fn new(
        client: reqwest::Client,
        creation_client: reqwest::Client,
        base_url: &BaseUrl,
        max_response_bytes: usize,
    ) -> Self {
        let parsed_base_url = Url::parse(base_url.as_str()).ok();
        Self { client, creation_client, base_url: base_url.clone(), parsed_base_url, max_response_bytes }
    }

    /// Converts a request. The body is shared, not copied.
    fn request(&self, request: &Request<Bytes>) -> Result<reqwest::Request, TransportFailure> {
        let url = self.url(request.uri()).map_err(TransportFailure::not_sent)?;
        let mut converted = reqwest::Request::new(request.method().clone(), url);
        *converted.headers_mut() = request.headers().clone();
        *converted.body_mut() = Some(request.body().clone().into());
        Ok(converted)
    }

    /// Converts a URI. If it has the origin of the base URL, only its path and query are parsed, which takes a third of the
    /// time.
    fn url(&self, uri: &Uri) -> Result<Url, url::ParseError> {
        if let Some(base_url) = &self.parsed_base_url
            && self.base_url.is_same_origin(uri)
        {
            let mut url = base_url.clone();
            url.set_path(uri.path());
            url.set_query(uri.query());
            return Ok(url);
        }
        Url::parse(&uri.to_string())
    }
}

#[async_trait]
impl Layer for HttpLayer {
    async fn send(
        &self,
        _call: &CallContext,
        operation: &Operation,
        request: &mut Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        let is_creation = operation.retry == RetryClass::Create;
        let client = if is_creation { &self.creation_client } else { &self.client };
        let request = self.request(request)?;
        let mut http_response = client.execute(request).await.map_err(classify)?;
        let is_too_large = |length: usize| length > self.max_response_bytes;
        // If the `Content-Length` header exceeds the limit, the body is not read at all.
        let announced = http_response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut exceeds_limit = announced.is_some_and(is_too_large);
        // Most bodies arrive as one chunk, which is not copied.
        let mut first = Bytes::new();
        let mut body = BytesMut::new();
        while !exceeds_limit && let Some(chunk) = http_response.chunk().await.map_err(classify)? {
            exceeds_limit = is_too_large(first.len() + body.len() + chunk.len());
            if first.is_empty() && body.is_empty() {
                first = chunk;
                continue;
            }
            body.extend_from_slice(&std::mem::take(&mut first));
            body.extend_from_slice(&chunk);
        }
        let mut body = if body.is_empty() { first } else { body.freeze() };
        if exceeds_limit {
            if http_response.status().is_success() {
                return Err(TransportFailure::new(FailureCause::ResponseTooLarge));
            }
            // The status alone describes a failure. Its body, for example a proxy's error page, is dropped.
            body.clear();
        }
        let mut response = Response::new(body);
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
        let mut request = request;
        // The innermost layer does not use the context, which belongs to the layers around the custom transport.
        let call = CallContext::detached();
        self.0.send(&call, operation, &mut request).await.map_err(TransportError::from)
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
        request: &mut Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportFailure> {
        self.0.send(operation, request.clone()).await.map_err(TransportFailure::from_error)
    }
}

#[cfg(test)]
mod tests {
    use hyper::client::conn::http1::handshake;
    use hyper_util::rt::TokioIo;
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn a_request_that_was_queued_when_the_connection_was_closed_was_not_sent() {
        let (client_end, service_end) = tokio::io::duplex(1024);
        let (mut queue, connection) = handshake(TokioIo::new(client_end)).await.unwrap();
        drop(connection);
        let error = queue.send_request(Request::new(String::new())).await.unwrap_err();
        assert!(was_closed_before_sending(&TransportFailure::lost(error)));
        drop(service_end);

        let (client_end, service_end) = tokio::io::duplex(1024);
        let (mut queue, connection) = handshake(TokioIo::new(client_end)).await.unwrap();
        tokio::spawn(connection);
        let response = queue.send_request(Request::new(String::new()));
        let close = async {
            tokio::io::AsyncReadExt::read_u8(&mut { service_end }).await.unwrap();
        };
        let (response, ()) = tokio::join!(response, close);
        assert!(!was_closed_before_sending(&response.unwrap_err()));
    }

    proptest! {
        #[test]
        fn urls_below_the_base_url_are_parsed_like_all_others(
            base in "https?://(LOCALHOST|127\\.0\\.0\\.1)(:[1-9][0-9]{0,3})?(/v1)?",
            other in "https?://(localhost|127\\.0\\.0\\.1|localhost\\.example\\.com)(:[1-9][0-9]{0,3})?",
            is_other in any::<bool>(),
            rest in "/([a-z./%\\\\;:@|'\"{}-]|%2[eE]){0,12}(\\?[a-z%5B=&'/?\\[\\]]{0,9})?",
        ) {
            let base: BaseUrl = base.replace("https://LOCALHOST", "https://api.example.com").parse().unwrap();
            let client = reqwest::Client::new();
            let layer = HttpLayer::new(client.clone(), client, &base, 1);
            let text = if is_other { other + &rest } else { format!("{base}{rest}") };
            if let Ok(uri) = text.parse::<Uri>() {
                prop_assert_eq!(layer.url(&uri), Url::parse(&uri.to_string()));
            }
        }
    }
}
