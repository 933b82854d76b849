//! Streams of the blocks of a file, with its digest, read on threads for blocking work.
//!
//! Blocks have 512 KiB: smaller blocks cost more overhead, larger ones more memory while they are hashed and sent.
//! The last block is yielded only after the source has reported its end, so that a file that grows while it is read
//! is never sent as if it were complete.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::documents::job_queue::BackgroundHasher;
use crate::documents::{ByteStream, Sha256Digest};

const BLOCK: usize = 512 * 1024;

/// A file that was opened, and read as a whole if it is small.
pub(super) enum OpenedFile {
    Buffered(Bytes),
    Large(File, u64),
}

/// Opens a file, and reads it if it has at most `max_buffered` bytes.
pub(super) fn open(path: &Path, max_buffered: u64) -> io::Result<OpenedFile> {
    // Checked before the file is opened: opening a named pipe blocks until it has a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length <= max_buffered {
        read_exact(file, length).map(OpenedFile::Buffered)
    } else {
        Ok(OpenedFile::Large(file, length))
    }
}

/// Reads all bytes of a reader, which must be exactly `length` bytes.
pub(super) fn read_exact(mut reader: impl Read, length: u64) -> io::Result<Bytes> {
    let block = read_block(&mut reader, length)?;
    expect_end(&mut reader)?;
    Ok(block.into())
}

/// Reads all bytes of an asynchronous reader, which must be exactly `length` bytes.
pub(super) async fn read_exact_async(reader: impl AsyncRead + Send, length: u64) -> io::Result<Bytes> {
    // One more byte is requested, to detect a reader that is too long.
    let mut bytes = Vec::new();
    std::pin::pin!(reader).take(length + 1).read_to_end(&mut bytes).await?;
    match bytes.len() as u64 {
        read if read < length => Err(io::ErrorKind::UnexpectedEof.into()),
        read if read > length => Err(too_long()),
        _ => Ok(bytes.into()),
    }
}

/// Streams the bytes of a reader, which must be exactly `length` bytes.
pub(super) fn from_reader(
    mut reader: impl Read + Send + 'static,
    length: u64,
    digest: oneshot::Sender<Sha256Digest>,
) -> ByteStream<io::Error> {
    let mut remaining = length;
    read_ahead(digest, move || {
        let block = read_block(&mut reader, remaining.min(BLOCK as u64))?;
        remaining -= block.len() as u64;
        if remaining == 0 {
            expect_end(&mut reader)?;
        }
        Ok((block.into(), remaining == 0))
    })
}

/// Streams bytes in memory.
pub(super) fn from_bytes(bytes: Bytes, digest: oneshot::Sender<Sha256Digest>) -> ByteStream<io::Error> {
    let mut remaining = bytes;
    read_ahead(digest, move || {
        let block = remaining.split_to(remaining.len().min(BLOCK));
        Ok((block, remaining.is_empty()))
    })
}

/// Returns the next block of a file, and whether it is the last one.
type NextBlock = Box<dyn FnMut() -> io::Result<(Bytes, bool)> + Send>;

/// Streams blocks that are read on blocking threads, one block ahead of the consumer. No thread is occupied while the
/// consumer does not poll. The digest is sent before the last block is yielded.
fn read_ahead(
    digest: oneshot::Sender<Sha256Digest>,
    next_block: impl FnMut() -> io::Result<(Bytes, bool)> + Send + 'static,
) -> ByteStream<io::Error> {
    let blocks =
        ReadAhead { reading: spawn_read(Box::new(next_block)), hasher: BackgroundHasher::sha256(), digest };
    stream::unfold(Some(blocks), |blocks| async {
        match blocks?.next().await {
            Ok((block, rest)) => Some((Ok(block), rest)),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct ReadAhead {
    reading: JoinHandle<io::Result<(Bytes, bool, NextBlock)>>,
    hasher: BackgroundHasher,
    digest: oneshot::Sender<Sha256Digest>,
}

fn spawn_read(mut next_block: NextBlock) -> JoinHandle<io::Result<(Bytes, bool, NextBlock)>> {
    spawn_blocking(move || next_block().map(|(block, is_last)| (block, is_last, next_block)))
}

impl ReadAhead {
    /// Returns the next block, and the rest of the stream if it was not the last one.
    async fn next(self) -> io::Result<(Bytes, Option<Self>)> {
        let (block, is_last, next_block) = self.reading.await.map_err(|_| shutting_down())??;
        let reading = (!is_last).then(|| spawn_read(next_block));
        self.hasher.update(block.clone()).await.map_err(|_| shutting_down())?;
        if let Some(reading) = reading {
            return Ok((block, Some(Self { reading, ..self })));
        }
        // The receiver may have been dropped.
        let _ = self.digest.send(self.hasher.digest().await.map_err(|_| shutting_down())?);
        Ok((block, None))
    }
}

/// Returns the error for a task that ended early because the runtime is shutting down.
fn shutting_down() -> io::Error {
    io::ErrorKind::Interrupted.into()
}

fn read_block(reader: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(usize::try_from(length).unwrap_or(BLOCK).min(BLOCK));
    reader.take(length).read_to_end(&mut block)?;
    if (block.len() as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(block) }
}

/// Checks that a reader has no more bytes.
fn expect_end(reader: &mut impl Read) -> io::Result<()> {
    let mut byte = [0];
    loop {
        match reader.read(&mut byte) {
            Ok(0) => return Ok(()),
            Ok(_) => return Err(too_long()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "longer than announced")
}

/// The block size for asynchronous readers: small enough to be hashed on the asynchronous thread.
const ASYNC_BLOCK: usize = 128 * 1024;

/// Streams the bytes of an asynchronous reader, which must be exactly `length` bytes.
pub(super) fn from_async_reader(
    reader: impl AsyncRead + Send + Unpin + 'static,
    length: u64,
    digest: oneshot::Sender<Sha256Digest>,
) -> ByteStream<io::Error> {
    let blocks = AsyncBlocks { reader, remaining: length, hasher: Sha256::new(), digest: Some(digest) };
    stream::unfold(Some(blocks), |blocks| async {
        let mut blocks = blocks?;
        match blocks.next().await {
            Ok(Some(block)) => Some((Ok(block), Some(blocks))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct AsyncBlocks<R> {
    reader: R,
    remaining: u64,
    hasher: Sha256,
    digest: Option<oneshot::Sender<Sha256Digest>>,
}

impl<R: AsyncRead + Unpin> AsyncBlocks<R> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.remaining == 0 {
            return Ok(None);
        }
        let size = usize::try_from(self.remaining).unwrap_or(ASYNC_BLOCK).min(ASYNC_BLOCK);
        let mut block = BytesMut::with_capacity(size);
        let read = (&mut self.reader).take(self.remaining).read_buf(&mut block).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.remaining -= read as u64;
        self.hasher.update(&block);
        if self.remaining == 0 {
            if self.reader.read(&mut [0]).await? != 0 {
                return Err(too_long());
            }
            if let Some(digest) = self.digest.take() {
                // The receiver may have been dropped.
                let _ = digest.send(Sha256Digest::from_hasher(&self.hasher));
            }
        }
        Ok(Some(block.freeze()))
    }
}
