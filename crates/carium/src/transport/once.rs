//! What signing in goes through: a deadline of its own, and no code sent twice.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};
use tokio::time::Instant;

use super::call::CallState;
use super::failure::Failure;
use super::retry::NeverTwice;

/// Marks the requests of a sign-in.
pub(crate) struct OnceTransport {
    inner: Arc<dyn Transport>,
    holds_code: bool,
    deadline: Duration,
}

impl OnceTransport {
    pub(crate) fn new(inner: Arc<dyn Transport>, holds_code: bool, deadline: Duration) -> Self {
        Self { inner, holds_code, deadline }
    }
}

#[async_trait]
impl Transport for OnceTransport {
    async fn send(
        &self,
        operation: &'static Operation,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let state = CallState::new(Instant::now() + self.deadline);
        request.extensions_mut().insert(state.clone());
        if self.holds_code {
            request.extensions_mut().insert(NeverTwice);
        }
        let result = self.inner.send(operation, request).await;
        state.reported(result.map_err(Failure::of))
    }
}
