//! [`HttpTransport`]: a plain transport over `reqwest` without retries.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};

use crate::{BaseUrl, Operation, Secret, Transport, TransportError};

/// Time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for one request, from connecting to the last byte of the response.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest response body, in bytes. A page of a list has about 60 KB.
const MAX_RESPONSE_BYTES: usize = 32 * 1024 * 1024;

/// A transport that sends each request once and reads the response.
///
/// It does not follow redirects, use proxies, keep cookies or retry. Connecting is limited to 10 seconds, a request
/// to 60 seconds, and a response body to 32 MiB. If the transport [has an access token](Self::with_token), it adds
/// the token to operations that need one. If such a request has another origin than the token, it fails and is not
/// sent. The crate `carium` adds sign-in and retries.
#[derive(Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    token: Option<(BaseUrl, HeaderValue)>,
}

impl HttpTransport {
    /// Creates a transport without an access token, which is sufficient for signing in.
    ///
    /// # Errors
    /// TLS cannot be initialized.
    pub fn new() -> Result<Self, TransportError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // A proxy from the environment would receive plain http that is meant for a loopback address.
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(transport_error)?;
        Ok(Self { client, token: None })
    }

    /// Returns a transport that shares the connections and sends an access token to the API at `base_url`.
    ///
    /// # Errors
    /// The token contains characters that are not allowed in a header.
    pub fn with_token(&self, base_url: &BaseUrl, token: &Secret) -> Result<Self, TransportError> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
            TransportError::new("the access token contains characters that are not allowed in a header")
        })?;
        value.set_sensitive(true);
        Ok(Self { client: self.client.clone(), token: Some((base_url.clone(), value)) })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(
        &self,
        operation: &Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        if let Some((base_url, token)) = self.token.as_ref().filter(|_| operation.needs_token) {
            if !base_url.is_same_origin(request.uri()) {
                return Err(TransportError::new(
                    "the request was not sent, because the access token belongs to another origin",
                ));
            }
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let request = reqwest::Request::try_from(request).map_err(transport_error)?;
        let mut received = self.client.execute(request).await.map_err(transport_error)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = received.chunk().await.map_err(transport_error)? {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(TransportError::new("the response is larger than 32 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = received.status();
        *response.headers_mut() = std::mem::take(received.headers_mut());
        Ok(response)
    }
}

/// Converts an error without its URL, which contains IDs.
fn transport_error(error: reqwest::Error) -> TransportError {
    TransportError::new(error.without_url())
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.token.as_ref().map(|(base_url, _)| base_url);
        f.debug_struct("HttpTransport").field("token_for", &origin).finish_non_exhaustive()
    }
}
