//! Where a download goes to.

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::documents::{Sha256Digest, local};
use crate::error::{Error, ErrorKind};

/// Where a download goes to, in order, with its digest.
#[async_trait]
pub(super) trait Sink: Send {
    /// What the file is called, as far as anyone says. Called before the first bytes, and not again.
    async fn open(&mut self, name: Option<&str>) -> Result<(), Error>;

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error>;

    /// The digest of all that was written since the last beginning.
    async fn digest(&mut self) -> Result<Sha256Digest, Error>;

    /// Forgets all that was written; an error where that cannot be.
    async fn begin_again(&mut self) -> Result<(), Error>;
}

/// The error where a document is another one than a moment ago, and half of it is given out.
pub(super) fn changed() -> Error {
    Error::new(ErrorKind::Corrupt, "the document changed while it was read; download it again")
}

/// A writer.
pub(super) struct WriterSink<W> {
    writer: W,
    hasher: Sha256,
}

impl<W: AsyncWrite + Send + Unpin> WriterSink<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, hasher: Sha256::new() }
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush().await.map_err(|error| failed(&error))
    }
}

fn failed(error: &std::io::Error) -> Error {
    local::failed("the document cannot be written to its target", error)
}

#[async_trait]
impl<W: AsyncWrite + Send + Unpin> Sink for WriterSink<W> {
    async fn open(&mut self, _name: Option<&str>) -> Result<(), Error> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.hasher.update(&bytes);
        self.writer.write_all(&bytes).await.map_err(|error| failed(&error))
    }

    async fn digest(&mut self) -> Result<Sha256Digest, Error> {
        Ok(Sha256Digest::so_far(&self.hasher))
    }

    async fn begin_again(&mut self) -> Result<(), Error> {
        Err(changed())
    }
}
