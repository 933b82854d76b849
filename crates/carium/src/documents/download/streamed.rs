//! A download as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::Stream;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::DownloadReceipt;
use super::fetch::Fetch;
use super::sink::{Sink, changed};
use crate::documents::progress::TransferHandle;
use crate::documents::{Sha256Digest, local};
use crate::error::Error;

/// A document as a stream of its bytes. What feeds it runs only while it is asked.
#[must_use = "nothing is downloaded before it is asked for"]
pub struct DownloadStream {
    run: Option<BoxFuture<'static, Result<DownloadReceipt, Error>>>,
    bytes: mpsc::Receiver<Bytes>,
    /// What came of it, while there is something to be given out still.
    came_of_it: Option<Result<DownloadReceipt, Error>>,
    receipt: Option<DownloadReceipt>,
    handle: TransferHandle,
}

impl DownloadStream {
    pub(super) fn new(fetch: Fetch, handle: TransferHandle) -> Self {
        let (sender, bytes) = mpsc::channel(1);
        let run = async move {
            let mut sink = ChannelSink { sender, hasher: Sha256::new() };
            fetch.into(&mut sink).await.map(|fetched| fetched.receipt(None))
        };
        Self { run: Some(Box::pin(run)), bytes, came_of_it: None, receipt: None, handle }
    }

    /// Watches it and stops it, from anywhere.
    pub fn handle(&self) -> TransferHandle {
        self.handle.clone()
    }

    /// Size and digest, once it has ended without an error.
    pub fn receipt(&self) -> Option<&DownloadReceipt> {
        self.receipt.as_ref()
    }
}

impl Stream for DownloadStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // What has arrived comes first: the end may be known before it is given out.
            let arrived = self.bytes.poll_recv(context);
            if let Poll::Ready(Some(bytes)) = arrived {
                return Poll::Ready(Some(Ok(bytes)));
            }
            let Some(run) = &mut self.run else {
                return Poll::Ready(match self.came_of_it.take() {
                    Some(Err(error)) => Some(Err(error)),
                    Some(Ok(receipt)) => {
                        self.receipt = Some(receipt);
                        None
                    }
                    None => None,
                });
            };
            match run.as_mut().poll(context) {
                // It may have given something out on the way to where it waits, which is seen next time around;
                // the receiver has been polled and wakes this task.
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => {
                    self.run = None;
                    self.came_of_it = Some(result);
                }
            }
        }
    }
}

impl fmt::Debug for DownloadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadStream")
            .field("handle", &self.handle)
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}

struct ChannelSink {
    sender: mpsc::Sender<Bytes>,
    hasher: Sha256,
}

#[async_trait]
impl Sink for ChannelSink {
    async fn open(&mut self, _name: Option<&str>) -> Result<(), Error> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.hasher.update(&bytes);
        self.sender.send(bytes).await.map_err(|_| local::ended())
    }

    async fn digest(&mut self) -> Result<Sha256Digest, Error> {
        Ok(Sha256Digest::so_far(&self.hasher))
    }

    async fn begin_again(&mut self) -> Result<(), Error> {
        Err(changed())
    }
}
