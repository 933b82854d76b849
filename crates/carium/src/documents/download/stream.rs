//! A download as a stream of bytes.

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
use super::pipeline::DownloadPipeline;
use super::sink::{DownloadSink, document_changed};
use crate::documents::progress::TransferHandle;
use crate::documents::{Sha256Digest, local_io};
use crate::error::Error;

/// A stream of the bytes of a document. The download runs only while the stream is polled.
#[must_use = "a stream does nothing unless it is polled"]
pub struct DownloadStream {
    run: Option<BoxFuture<'static, Result<DownloadReceipt, Error>>>,
    bytes: mpsc::Receiver<Bytes>,
    /// The result of `run`, until the remaining bytes have been yielded.
    result: Option<Result<DownloadReceipt, Error>>,
    receipt: Option<DownloadReceipt>,
    handle: TransferHandle,
}

impl DownloadStream {
    pub(super) fn new(pipeline: DownloadPipeline, handle: TransferHandle) -> Self {
        let (sender, bytes) = mpsc::channel(1);
        let run = async move {
            let mut sink = ChannelSink { sender, hasher: Sha256::new() };
            pipeline.run(&mut sink).await.map(|download| download.receipt(None))
        };
        Self { run: Some(Box::pin(run)), bytes, result: None, receipt: None, handle }
    }

    /// Returns a handle to watch the download and to cancel it.
    pub fn handle(&self) -> TransferHandle {
        self.handle.clone()
    }

    /// Returns the size and the digest of the document, once the stream has ended without an error.
    pub fn receipt(&self) -> Option<&DownloadReceipt> {
        self.receipt.as_ref()
    }
}

impl Stream for DownloadStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // Bytes are yielded before the result: the result may be known while bytes are still in the channel.
            if let Poll::Ready(Some(bytes)) = self.bytes.poll_recv(context) {
                return Poll::Ready(Some(Ok(bytes)));
            }
            let Some(run) = &mut self.run else {
                return Poll::Ready(match self.result.take() {
                    Some(Err(error)) => Some(Err(error)),
                    Some(Ok(receipt)) => {
                        self.receipt = Some(receipt);
                        None
                    }
                    None => None,
                });
            };
            match run.as_mut().poll(context) {
                // The pipeline may have sent bytes before it became pending. The receiver was polled above, so it
                // wakes this task, and the next poll yields them.
                Poll::Pending => return Poll::Pending,
                Poll::Ready(result) => {
                    self.run = None;
                    self.result = Some(result);
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
impl DownloadSink for ChannelSink {
    async fn open(&mut self, _name: Option<&str>) -> Result<(), Error> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.hasher.update(&bytes);
        self.sender.send(bytes).await.map_err(|_| local_io::shutting_down())
    }

    async fn digest(&mut self) -> Result<Sha256Digest, Error> {
        Ok(Sha256Digest::from_hasher(&self.hasher))
    }

    async fn restart(&mut self) -> Result<(), Error> {
        Err(document_changed())
    }
}
