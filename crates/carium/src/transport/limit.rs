//! A limit on calls in flight, for the whole client.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};
use tokio::sync::Semaphore;

use super::call::CallState;
use super::failure::{Cause, TransportFailure};

/// Lets so many requests through at a time; the others wait their turn, under their own deadlines.
pub(crate) struct Limited<T> {
    inner: T,
    permits: Arc<Semaphore>,
}

impl<T> Limited<T> {
    pub(crate) fn new(inner: T, in_flight: usize) -> Self {
        Self { inner, permits: Arc::new(Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS))) }
    }
}

#[async_trait]
impl<T: Transport> Transport for Limited<T> {
    async fn send(
        &self,
        operation: &'static Operation,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        // Nobody closes the semaphore; were it closed, nothing would have been sent.
        let _permit = self.permits.acquire().await.map_err(TransportFailure::not_sent)?;
        // Those whose deadline has passed hand their turn on in the same moment.
        if CallState::of(&request).is_some_and(CallState::is_over) {
            return Err(TransportFailure::new(Cause::Deadline { in_flight: false }).into());
        }
        self.inner.send(operation, request).await
    }
}
