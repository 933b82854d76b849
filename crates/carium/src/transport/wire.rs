//! The innermost part: one request over `reqwest`, and the whole answer.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};

use super::failure::{Cause, TransportFailure};

/// Sends a request and reads the answer, under a limit on its size.
pub(crate) struct Wire {
    client: reqwest::Client,
    max_response_bytes: usize,
}

impl Wire {
    pub(crate) fn new(client: reqwest::Client, max_response_bytes: usize) -> Self {
        Self { client, max_response_bytes }
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(
        &self,
        _operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request)
            .map_err(|error| TransportFailure::not_sent(error.without_url()))?;
        let mut answer = self.client.execute(request).await.map_err(failed)?;
        let too_large = |length: usize| length > self.max_response_bytes;
        // A length that is announced need not be waited for.
        let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
        let mut cut = announced.is_some_and(too_large);
        let mut body = BytesMut::new();
        while !cut && let Some(chunk) = answer.chunk().await.map_err(failed)? {
            cut = too_large(body.len() + chunk.len());
            body.extend_from_slice(&chunk);
        }
        if cut {
            if answer.status().is_success() {
                return Err(TransportFailure::new(Cause::TooLarge).into());
            }
            // A refusal is one by its status, however much a proxy has to say of it.
            body.clear();
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// Only a connection that was never made has certainly carried nothing. `reqwest` puts the URL into its
/// errors, and ids into the URL.
fn failed(error: reqwest::Error) -> TransportFailure {
    let cause = if error.is_connect() {
        Cause::NotSent
    } else if error.is_timeout() {
        Cause::TimedOut
    } else {
        Cause::Lost
    };
    TransportFailure::new(cause).with_source(error.without_url())
}
