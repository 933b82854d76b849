//! Batches of requests to the database, so that the requests of many rows share one transaction or one statement.
//!
//! While a batch is executed, new requests collect for the next one. A request that comes alone is executed immediately.

use async_trait::async_trait;
use carium::{Error, ErrorKind};
use tokio::sync::{mpsc, oneshot};

/// The maximum number of requests that wait for a batch. Further callers wait until there is capacity.
const CHANNEL_CAPACITY: usize = 1024;
/// The maximum number of requests in one batch.
const MAX_BATCH: usize = 256;

/// Executes batches of requests.
#[async_trait]
pub(crate) trait BatchHandler: Send + Sync + 'static {
    type Request: Send + Sync + 'static;
    type Response: Send + 'static;

    /// Executes requests, and returns their responses in the same order.
    async fn execute(&self, requests: &[Self::Request]) -> Result<Vec<Self::Response>, Error>;
}

type PendingRequest<H> =
    (<H as BatchHandler>::Request, oneshot::Sender<Result<<H as BatchHandler>::Response, Error>>);

/// Accepts requests, and executes them in batches.
#[derive(Debug)]
pub(crate) struct Batches<H: BatchHandler>(mpsc::Sender<PendingRequest<H>>);

impl<H: BatchHandler> Batches<H> {
    /// Starts the background task that executes the batches. It ends when this value is dropped.
    pub(crate) fn new(handler: H) -> Self {
        let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        tokio::spawn(execute_batches(handler, receiver));
        Self(sender)
    }

    /// Executes a request. After the error of a write it is not known whether the write was applied.
    pub(crate) async fn execute(&self, request: H::Request) -> Result<H::Response, Error> {
        let (sender, receiver) = oneshot::channel();
        let stopped = || Error::new(ErrorKind::Unavailable, "the queue is closed");
        self.0.send((request, sender)).await.map_err(|_| stopped())?;
        receiver.await.map_err(|_| stopped())?
    }
}

async fn execute_batches<H: BatchHandler>(handler: H, mut receiver: mpsc::Receiver<PendingRequest<H>>) {
    let mut pending = Vec::with_capacity(MAX_BATCH);
    while receiver.recv_many(&mut pending, MAX_BATCH).await > 0 {
        let (requests, senders): (Vec<_>, Vec<_>) = pending.drain(..).unzip();
        // Each sender gets its response, or the same error. Its receiver may have been canceled.
        match handler.execute(&requests).await {
            Ok(responses) => {
                for (sender, response) in senders.into_iter().zip(responses) {
                    let _ = sender.send(Ok(response));
                }
            }
            Err(error) => {
                for sender in senders {
                    let _ = sender.send(Err(copy_error(&error)));
                }
            }
        }
    }
}

/// Copies an error for another of the requests that it concerns. The copy has no source.
pub(crate) fn copy_error(error: &Error) -> Error {
    Error::new(error.kind(), error.to_string())
}
