//! The target of a download.

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::documents::{Sha256Digest, local_io};
use crate::error::{Error, ErrorKind};

/// The target of a download. Receives the bytes in order and computes their digest.
#[async_trait]
pub(super) trait DownloadSink: Send {
    /// Sets the file name, if one is known. Called once, before the first bytes.
    async fn open(&mut self, name: Option<&str>) -> Result<(), Error>;

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error>;

    /// Returns the digest of all bytes since the first or the last [`restart`](Self::restart).
    async fn digest(&mut self) -> Result<Sha256Digest, Error>;

    /// Discards all bytes. Fails if they cannot be discarded.
    async fn restart(&mut self) -> Result<(), Error>;
}

/// Returns the error for a document that changed during the download, after some bytes were passed on.
pub(super) fn document_changed() -> Error {
    Error::new(ErrorKind::Corrupt, "the document changed during the download; download it again")
}

/// Converts an error of a file or a writer.
pub(super) fn write_error(error: &std::io::Error) -> Error {
    local_io::error("the document could not be written to its target", error)
}

/// A sink for an asynchronous writer.
pub(super) struct WriterSink<W> {
    writer: W,
    hasher: Sha256,
}

impl<W: AsyncWrite + Send + Unpin> WriterSink<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, hasher: Sha256::new() }
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush().await.map_err(|error| write_error(&error))
    }
}

#[async_trait]
impl<W: AsyncWrite + Send + Unpin> DownloadSink for WriterSink<W> {
    async fn open(&mut self, _name: Option<&str>) -> Result<(), Error> {
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.hasher.update(&bytes);
        self.writer.write_all(&bytes).await.map_err(|error| write_error(&error))
    }

    async fn digest(&mut self) -> Result<Sha256Digest, Error> {
        Ok(Sha256Digest::from_hasher(&self.hasher))
    }

    async fn restart(&mut self) -> Result<(), Error> {
        Err(document_changed())
    }
}
