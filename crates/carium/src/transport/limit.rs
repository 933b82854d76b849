//! The concurrency limit layer: limits the number of requests of a client that are in flight.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};
use tokio::sync::Semaphore;

use super::call_state::CallState;
use super::failure::{FailureCause, TransportFailure};

/// Sends at most a fixed number of requests at the same time. Other requests wait for a permit until their
/// deadline.
pub(crate) struct ConcurrencyLimit<T> {
    inner: T,
    permits: Arc<Semaphore>,
}

impl<T> ConcurrencyLimit<T> {
    pub(crate) fn new(inner: T, max_concurrency: usize) -> Self {
        Self { inner, permits: Arc::new(Semaphore::new(max_concurrency.min(Semaphore::MAX_PERMITS))) }
    }
}

#[async_trait]
impl<T: Transport> Transport for ConcurrencyLimit<T> {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        // The semaphore is never closed, so `acquire` does not fail.
        let _permit = self.permits.acquire().await.map_err(TransportFailure::not_sent)?;
        // The deadline may have passed while the request waited for the permit.
        if CallState::of_request(&request).is_some_and(CallState::is_past_deadline) {
            return Err(TransportFailure::new(FailureCause::CallTimeout { in_flight: false }).into());
        }
        self.inner.send(operation, request).await
    }
}
