//! The plain transport: one try, over `reqwest`.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};

use crate::{BaseUrl, Operation, Secret, Transport, TransportError};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one try may take, from connecting to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How large an answer may be, in bytes. A page of a list is some 60 KB.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// Sends each request once and reads the answer.
///
/// It follows no redirect, takes no proxy, keeps no cookies and repeats nothing; connecting may take 10
/// seconds, a call 60, an answer 32 MiB. Given a token, it sends it with the operations that want one, to the origin that the
/// token is for. Signing in by itself, and repeating what may be repeated, is what the crate `carium` adds.
#[derive(Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    token: Option<(BaseUrl, HeaderValue)>,
}

impl HttpTransport {
    /// A transport without a token: enough for signing in.
    ///
    /// # Errors
    /// The system's TLS cannot be set up.
    pub fn new() -> Result<Self, TransportError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // A proxy of the environment is another machine, which plain http to this one is not for.
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(failed)?;
        Ok(Self { client, token: None })
    }

    /// The same transport, over the same connections, with an access token for the API at a base URL.
    ///
    /// # Errors
    /// The token has characters that no header can hold.
    pub fn with_token(&self, base_url: &BaseUrl, token: &Secret) -> Result<Self, TransportError> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| TransportError::new("the access token has characters that no header can hold"))?;
        value.set_sensitive(true);
        Ok(Self { client: self.client.clone(), token: Some((base_url.clone(), value)) })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(
        &self,
        operation: &'static Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        if let Some((base_url, token)) = self.token.as_ref().filter(|_| operation.needs_token) {
            if !base_url.is_same_origin(&request.uri().to_string()) {
                return Err(TransportError::new("the access token is for another origin; nothing was sent"));
            }
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut answer = self.client.execute(request).await.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(TransportError::new("the answer is larger than 32 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// `reqwest` puts the URL into its errors, and ids into the URL.
fn failed(error: reqwest::Error) -> TransportError {
    TransportError::new(error.without_url())
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.token.as_ref().map(|(base_url, _)| base_url);
        f.debug_struct("HttpTransport").field("token_for", &origin).finish_non_exhaustive()
    }
}
