//! A limit on calls in flight, for the whole client.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use carium_api::{Operation, Transport, TransportError};
use http::{Request, Response};
use tokio::sync::Semaphore;

use super::Failure;

/// Lets so many requests through at a time; the others wait their turn, under their own deadlines.
pub(crate) struct Limited<T> {
    inner: T,
    permits: Arc<Semaphore>,
}

impl<T> Limited<T> {
    pub(crate) fn new(inner: T, in_flight: usize) -> Self {
        Self { inner, permits: Arc::new(Semaphore::new(in_flight)) }
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
        let _permit = self.permits.acquire().await.map_err(Failure::not_sent)?;
        self.inner.send(operation, request).await
    }
}
